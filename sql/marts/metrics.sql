-- Every measure of every run, protocol, C and K, with its 95% interval, chance and lift.
-- mrr@k with k = 10 is mrr@10: the reciprocal rank counts 0 where it is beyond K.
-- Values are expectations over a uniformly random order inside ties; map, mean_rank and
-- median_rank are of the full protocol alone, and of ranks lower is better, in value and lift.
-- ann_recall is no quality but how far an approximate list agrees with an exact search. Of a run
-- that returns lists, what would need ranks beyond them is NULL.
-- Intervals are score intervals clustered by visual item, within the measure's range: share_end, and
-- of mean_rank score_reach. A median has none.
with
first_cutoffs as (
    select run_id, min(k) as first_k from int_cutoffs group by run_id
),
chanced as (
    select
        int_sums.*,
        [
            int_chances.recall,
            int_chances.hit_rate,
            int_chances.mrr,
            int_chances.mrr_at,
            ndcg_chance / weight * discount_sum(least(k, candidates)) / candidates,
            ndcg_exp_chance / weight * discount_sum(least(k, candidates)) / candidates,
            int_chances.precision
        ] as chances
    from int_sums
    inner join int_chances using (run_id, protocol, candidates, k)
),
named as (
    select
        chanced.* exclude (sums, squares, products, chances),
        unnest(['recall', 'hit_rate', 'mrr', 'mrr@k', 'ndcg', 'ndcg_exp', 'precision']) as measure,
        unnest(sums) as total,
        unnest(squares) as squared,
        unnest(products) as product,
        unnest(chances) as chance
    from chanced
    union all by name
    select * from int_rank_sums
    union all by name
    select * from int_agreement_sums
),
estimated as (
    select
        *,
        -- What rounding brings above 1; ranks have no such end.
        case
            when measure not in ('mean_rank', 'median_rank') and total > weight then 1.0
            else total / weight
        end as value,
        -- Σ (s - n value)².
        squared - 2 * total / weight * product + (total / weight) ** 2 * nn as residual,
        cluster_spread(residual, squared, clusters) as spread,
        -- Of mean_rank: the sum of what ranks lie behind the first.
        total - weight as behind,
        squared - 2 * product + nn as behind_squared,
        score_reach(spread, piece(behind_squared, behind, 1, 0), clusters) as below,
        score_reach(spread, piece(behind_squared, behind, 1, behind), clusters) as above
    from named
),
final as (
    select
        estimated.run_id,
        runs.dataset,
        runs.qrels,
        runs.model,
        runs.direction,
        runs.dim,
        runs.dim_method,
        runs.precision,
        runs.quantizer,
        runs.scorer,
        runs.variant,
        estimated.protocol,
        estimated.candidates,
        estimated.measure,
        case when estimated.measure <> 'mrr' then estimated.k end as k,
        estimated.value,
        case
            when estimated.measure = 'mean_rank'
                then 1 + behind / weight * (behind / (behind + below))
            else share_end(estimated.value, spread, weight, clusters, 0)
        end as ci_low,
        case
            when estimated.measure <> 'mean_rank'
                then share_end(estimated.value, spread, weight, clusters, 1)
            when above is not null then least(estimated.candidates, estimated.value + above / weight)
        end as ci_high,
        estimated.chance,
        estimated.value / estimated.chance as lift,
        runs.queries,
        case when estimated.protocol = 'sampled' then runs.draws end as draws
    from estimated
    inner join runs using (run_id)
    inner join first_cutoffs using (run_id)
    where estimated.measure <> 'mrr' or estimated.k = first_k
)
select * from final
