-- What every relevant pair adds to its query's measures in a known pool, for every K; summed
-- over a query's pairs they are its measures. The order inside a tie group is uniformly random,
-- so a pair's place in its group of g is uniform, and all is linear in it. Of an item that a list
-- lacks, what is not known is NULL.
-- @cluster: The visual item that the query's errors are clustered by.
-- @weight: 1 / relevants, so that a query's pairs weigh 1 together.
-- @recall: Its part of recall@K.
-- @hit_rate: Its part of hit_rate@K: carried by the best relevant items alone.
-- @mrr: Its part of the reciprocal rank of the first relevant item.
-- @mrr_at: The same of mrr@K: 0 where that rank is beyond K.
-- @ndcg: Its part of NDCG@K with gain = relevance.
-- @ndcg_exp: Its part of NDCG@K with gain = 2^relevance - 1.
-- @precision: Its part of precision@K.
-- @gain: Its gain / the ideal DCG at K, for chance.
-- @gain_exp: The same with the exponential gain.
with
placed as (
    select
        int_pairs.*,
        above + relevants_above as base,
        tied + relevants_tied + 1 as g,
        relevants_tied + 1 as m
    from int_pairs
),
with_mrr as (
    select
        placed.*,
        case
            when placed.relevants_above > 0 then 0.0
            when placed.above is null then null
            when placed.tied = 0 then 1.0 / (placed.above + 1) / placed.m
            when placed.m = 1
                then (harmonic(placed.above + placed.tied + 1) - harmonic(placed.above))
                    / (placed.tied + 1)
            else int_tied_mrr.mrr / placed.m
        end as mrr,
        int_tied_mrr.terms
    from placed
    left join int_tied_mrr
        on
            placed.relevants_above = 0
            and placed.relevants_tied > 0
            and placed.tied > 0
            and int_tied_mrr.above = placed.above
            and int_tied_mrr.tied = placed.tied
            and int_tied_mrr.m = placed.m
),
cut as (
    select
        with_mrr.*,
        int_cutoffs.k,
        case
            when above is not null then least(greatest((int_cutoffs.k - base) / g, 0.0), 1.0)
            when int_cutoffs.k <= missed_up_to then 0.0
        end as inside,
        case
            when above is null then case when int_cutoffs.k <= missed_up_to then 0.0 end
            when base >= int_cutoffs.k then 0.0
            when g = 1 then 1 / log2(base + 2)
            else (discount_sum(least(int_cutoffs.k, base + g)) - discount_sum(base)) / g
        end as discounted,
        case
            when relevants_above > 0 or above >= int_cutoffs.k then 0.0
            when above is null then case when int_cutoffs.k <= missed_up_to then 0.0 end
            when int_cutoffs.k - above > tied then 1.0 / m
            when m = 1 then (int_cutoffs.k - above) / (tied + 1)
            else (1 - choose_ratio(tied + m - (int_cutoffs.k - above), tied + m, m)) / m
        end as hit,
        case
            when relevants_above > 0 or above >= int_cutoffs.k then 0.0
            when above is null then case when int_cutoffs.k <= missed_up_to then 0.0 end
            when int_cutoffs.k - above > tied then mrr
            when m = 1 then (harmonic(int_cutoffs.k) - harmonic(above)) / (tied + 1)
            else list_sum(terms[:int_cutoffs.k - above]) / m
        end as mrr_at
    from with_mrr
    inner join int_cutoffs using (run_id)
),
final as (
    select
        cut.run_id, cut.protocol, cut.candidates, cut.draw, cut.query_id, cut.cluster, cut.k,
        1.0 / cut.relevants as weight,
        inside / cut.relevants as recall,
        hit as hit_rate,
        mrr,
        mrr_at,
        gain * discounted as ndcg,
        gain_exp * discounted as ndcg_exp,
        inside / cut.k as precision,
        gain,
        gain_exp
    from (
        select
            cut.*,
            cut.relevance
                / coalesce(int_ideals.ideal, discount_sum(least(cut.k, cut.relevants))) as gain,
            (2 ** cut.relevance - 1)
                / coalesce(int_ideals.ideal_exp, discount_sum(least(cut.k, cut.relevants)))
                as gain_exp
        from cut
        left join int_ideals
            on
                int_ideals.dataset = cut.dataset
                and int_ideals.qrels = cut.qrels
                and int_ideals.direction = cut.direction
                and int_ideals.query_id = cut.query_id
                and int_ideals.k = cut.k
    ) as cut
)
select * from final
