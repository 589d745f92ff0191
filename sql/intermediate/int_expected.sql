-- What every relevant pair adds to its query's measures, expected over all random pools of C:
-- the columns of int_fixed, from closed forms; NULL of items that a list lacks.
-- @cluster: The visual item that the query's errors are clustered by.
-- @weight: 1 / relevants, so that a query's pairs weigh 1 together.
-- @recall: Its part of recall@K.
-- @hit_rate: Its part of hit_rate@K.
-- @mrr: Its part of the reciprocal rank of the first relevant item.
-- @mrr_at: The same of mrr@K: 0 where that rank is beyond K.
-- @ndcg: Its part of NDCG@K with gain = relevance.
-- @ndcg_exp: Its part of NDCG@K with gain = 2^relevance - 1.
-- @precision: Its part of precision@K.
-- @gain: Its gain / the ideal DCG at K, for chance.
-- @gain_exp: The same with the exponential gain.
with
pairs as (
    select int_expected_pairs.*, int_cutoffs.k, int_depths.depth
    from int_expected_pairs
    inner join int_cutoffs using (run_id)
    inner join int_depths using (k)
),
gained as (
    select
        pairs.*,
        pairs.relevance
            / coalesce(int_ideals.ideal, discount_sum(least(pairs.k, pairs.relevants))) as gain,
        (2 ** pairs.relevance - 1)
            / coalesce(int_ideals.ideal_exp, discount_sum(least(pairs.k, pairs.relevants)))
            as gain_exp
    from pairs
    left join int_ideals
        on
            int_ideals.dataset = pairs.dataset
            and int_ideals.qrels = pairs.qrels
            and int_ideals.direction = pairs.direction
            and int_ideals.query_id = pairs.query_id
            and int_ideals.k = pairs.k
),
final as (
    select
        gained.run_id, gained.protocol, gained.candidates, null::integer as draw,
        gained.query_id, gained.cluster, gained.k,
        1.0 / gained.relevants as weight,
        found.inside / gained.relevants as recall,
        case when gained.above is null and gained.offset_ > 0 then 0.0 else found.hit end as hit_rate,
        case when gained.above is null and gained.offset_ > 0 then 0.0 else found.mrr end as mrr,
        case when gained.above is null and gained.offset_ > 0 then 0.0 else found.mrr_at end as mrr_at,
        gained.gain * found.discounted as ndcg,
        gained.gain_exp * found.discounted as ndcg_exp,
        found.inside / gained.k as precision,
        gained.gain,
        gained.gain_exp
    from gained
    left join int_expected_values as found
        on
            found.m_all = gained.m_all
            and found.n = gained.n
            and found.above = gained.above
            and found.tied = gained.tied
            and found.offset_ = gained.offset_
            and found.m = gained.m
            and found.k = gained.depth
)
select * from final
