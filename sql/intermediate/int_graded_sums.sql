-- int_cluster_sums of the queries with graded judgments. Its first CTEs stand in for the views of
-- their names in all that int_contributions reads.
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
graded as materialized (
    select runs.run_id, int_graded_queries.query_id, int_query_clusters.cluster
    from int_graded_queries
    inner join int_query_clusters using (dataset, qrels, direction, query_id)
    inner join runs using (dataset, qrels, direction)
),
ranks as (
    select * from main.ranks semi join graded using (run_id, query_id)
),
sampled_ranks as (
    select * from main.sampled_ranks semi join graded using (run_id, query_id)
),
final as (
    select
        parts.run_id, parts.protocol, parts.candidates, parts.k, graded.cluster,
        sum_known(parts.weight) as n,
        sum_known(parts.recall) as recall,
        sum_known(parts.hit_rate) as hit_rate,
        sum_known(parts.mrr) as mrr,
        sum_known(parts.mrr_at) as mrr_at,
        sum_known(parts.ndcg) as ndcg,
        sum_known(parts.ndcg_exp) as ndcg_exp,
        sum_known(parts.precision) as precision,
        sum_known(parts.gain) as gain,
        sum_known(parts.gain_exp) as gain_exp
    from int_contributions as parts
    inner join graded using (run_id, query_id)
    group by parts.run_id, parts.protocol, parts.candidates, parts.k, graded.cluster
)
select * from final
