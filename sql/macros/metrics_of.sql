-- metrics of some pools and K: see pools_of and sums for what `which`, any_c and any_k are.
metrics_of(which, any_c, any_k) as table
with
-- For a cluster's sum s and number n of queries: Σ n, Σ n², and of every measure Σ s, Σ s² and Σ n s.
moments as (
    select
        run_id, protocol, candidates, k,
        count(*) filter (not is_chance) as clusters,
        sum(n) filter (not is_chance) as weight,
        sum(n * n) filter (not is_chance) as nn,
        moments_of(n, is_chance, columns(* exclude (
            run_id, protocol, candidates, k, is_chance, query_id, draw, cluster, n
        ))) as '\0'
    from sums(which, any_c, any_k)
    group by run_id, protocol, candidates, k
),
named as (
    select run_id, protocol, candidates, k, measure, clusters, weight, nn, unnest(moment)
    from moments
    unpivot include nulls (moment for measure in (columns(* exclude (
        run_id, protocol, candidates, k, clusters, weight, nn
    ))))
),
wanted as (
    select named.*, measures.has_k, measures.better, measures.of
    from named
    inner join measures using (measure)
    where
        (measures.over_pools or named.protocol = 'full')
        and (measures.has_k or named.k = coalesce(any_k, 1))
        and (measures.of <> 'lists' or named.total is not null)
),
-- The ranks of the first relevant items, in order. The m items that share a query's best score have m
-- equal rows.
firsts as (
    select run_id, list(rank order by rank) as ranks, list(rank_chance order by rank_chance) as chances
    from (
        select
            run_id, above + 1 + tied / (relevants_tied + 2) as rank,
            (gallery + 1) / (relevants + 1) as rank_chance,
            unnest(range(round(count(*) / (coalesce(relevants_tied, 0) + 1))::bigint))
        from ranks
        where relevants_above = 0 and which in ('asked', 'full')
        group by run_id, above, tied, relevants_tied, gallery, relevants
    )
    group by run_id
),
estimated as (
    select
        *,
        -- What rounding brings above 1; ranks have no such end.
        case when better = 'higher' and total > weight then 1.0 else total / weight end as value,
        -- Of Σ (s - n value)².
        cluster_spread(
            squared - 2 * total / weight * product + (total / weight) ** 2 * nn, squared, clusters
        ) as spread,
        -- Of a mean rank it is the sum of what ranks lie behind the first that moves in pieces.
        score_reach(spread, piece(squared - 2 * product + nn, total - weight, 1, 0), clusters) as below,
        score_reach(
            spread, piece(squared - 2 * product + nn, total - weight, 1, total - weight), clusters
        ) as above,
        -- Of a median, where visual items are clusters, the effective number of queries (Kish 1965) counts.
        case
            when of = 'median'
                then ceil(
                    sign_place(floor(weight ** 2 / nn + 1e-9)::bigint) * weight
                    / floor(weight ** 2 / nn + 1e-9) - 1e-9
                )::bigint
        end as place
    from wanted
),
ended as (
    select
        estimated.run_id, protocol, candidates, measure, case when has_k then k end as k,
        case of when 'median' then case when total is not null then list_median(ranks) end else value end as value,
        case
            when of = 'median' then case when total is not null then ranks[place] end
            when better = 'lower' then 1 + (total - weight) / weight * ((total - weight) / (total - weight + below))
            else share_end(value, spread, weight, clusters, 0)
        end as ci_low,
        case
            when of = 'median'
                then case when total is not null then ranks[len(ranks) + 1 - place] end
            when better = 'higher' then share_end(value, spread, weight, clusters, 1)
            when above is not null then least(candidates, value + above / weight)
        end as ci_high,
        case of when 'median' then list_median(chances) else chance end as chance
    from estimated
    left join firsts on firsts.run_id = estimated.run_id and estimated.of = 'median'
),
final as (
    select
        ended.run_id, runs.dataset, runs.qrels, runs.model, runs.direction, runs.dim, runs.dim_method,
        runs.precision, runs.quantizer, runs.scorer, runs.variant, ended.protocol, ended.candidates,
        ended.measure, ended.k, ended.value, ended.ci_low, ended.ci_high, ended.chance,
        ended.value / ended.chance as lift, runs.queries,
        case when ended.protocol = 'sampled' then runs.draws end as draws
    from ended
    inner join runs using (run_id)
)
select * from final
