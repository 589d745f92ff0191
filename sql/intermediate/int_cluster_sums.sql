-- Sums over the queries of a visual item, under every run, protocol, C and K.
-- @cluster: Ordinal of a visual.
-- @n: Number of queries, draws counted apart.
-- @recall: Sum of recall@K.
-- @hit_rate: Sum of hit_rate@K.
-- @mrr: Sum of the reciprocal ranks.
-- @mrr_at: Sum of mrr@K.
-- @ndcg: Sum of NDCG@K with gain = relevance.
-- @ndcg_exp: Sum of NDCG@K with gain = 2^relevance - 1.
-- @precision: Sum of precision@K.
-- @gain: Sum of gain / ideal, for the chance of ndcg.
-- @gain_exp: The same for ndcg_exp.
with
parts as (
    select * from int_case_sums
    union all by name
    select * from int_graded_sums
),
final as (
    select
        run_id, protocol, candidates, k, cluster,
        sum_known(n) as n,
        sum_known(recall) as recall,
        sum_known(hit_rate) as hit_rate,
        sum_known(mrr) as mrr,
        sum_known(mrr_at) as mrr_at,
        sum_known(ndcg) as ndcg,
        sum_known(ndcg_exp) as ndcg_exp,
        sum_known(precision) as precision,
        sum_known(gain) as gain,
        sum_known(gain_exp) as gain_exp
    from parts
    group by run_id, protocol, candidates, k, cluster
)
select * from final
