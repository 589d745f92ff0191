-- int_cluster_sums of the queries with binary judgments. Pairs with the same counts contribute the
-- same, so every distinct case is computed once: the CTEs ranks and sampled_ranks stand in for the
-- views of their names in all that int_contributions reads, with one row a case.
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
asked as materialized (
    select run_id, dataset, qrels, direction from runs
),
clusters as materialized (
    select
        asked.run_id, int_query_clusters.query_id, int_query_clusters.cluster
    from int_query_clusters
    inner join asked using (dataset, qrels, direction)
    anti join int_graded_queries using (dataset, qrels, direction, query_id)
),
-- A pair of the whole gallery has C = 0 here; draw counts no further. What is not known is -1, for
-- NULL joins nothing.
pairs as materialized (
    select
        clusters.run_id, 0 as candidates, main.ranks.relevants, main.ranks.gallery,
        coalesce(main.ranks.above, -1) as above, coalesce(main.ranks.tied, -1) as tied, main.ranks.relevants_above, coalesce(main.ranks.relevants_tied, -1) as relevants_tied,
        clusters.cluster, count(*) as pairs
    from main.ranks
    inner join clusters using (run_id, query_id)
    group by all
    union all
    select
        clusters.run_id, main.sampled_ranks.candidates, main.sampled_ranks.relevants, 0 as gallery,
        coalesce(main.sampled_ranks.above, -1) as above, coalesce(main.sampled_ranks.tied, -1) as tied, main.sampled_ranks.relevants_above,
        coalesce(main.sampled_ranks.relevants_tied, -1) as relevants_tied, clusters.cluster, count(*) as pairs
    from main.sampled_ranks
    inner join clusters using (run_id, query_id)
    group by all
),
cases as materialized (
    select row_number() over () as case_no, *
    from (
        select distinct
            run_id, candidates, relevants, gallery, above, tied, relevants_above, relevants_tied
        from pairs
    )
),
numbered as materialized (
    select cases.case_no, pairs.cluster, sum(pairs.pairs)::bigint as pairs
    from pairs
    inner join cases
        using (
            run_id, candidates, relevants, gallery, above, tied, relevants_above, relevants_tied
        )
    group by cases.case_no, pairs.cluster
),
ranks as (
    select
        run_id, case_no::varchar as query_id, '' as item_id, 1 as relevance,
        nullif(above, -1) as above, nullif(tied, -1) as tied, relevants_above,
        nullif(relevants_tied, -1) as relevants_tied, relevants, gallery
    from cases
    where candidates = 0
),
sampled_ranks as (
    select
        run_id, case_no::varchar as query_id, '' as item_id, candidates, 0 as draw,
        1 as relevance, nullif(above, -1) as above, nullif(tied, -1) as tied, relevants_above,
        nullif(relevants_tied, -1) as relevants_tied, relevants
    from cases
    where candidates > 0
),
int_ideals as (
    select * from main.int_ideals limit 0
),
parts as materialized (
    select
        dense_rank() over (order by run_id, protocol, candidates, k) as slot,
        query_id::bigint as case_no,
        *
    from int_contributions
),
slots as (
    select distinct slot, run_id, protocol, candidates, k from parts
),
summed as (
    select
        parts.slot, numbered.cluster,
        sum_known(numbered.pairs * parts.weight) as n,
        sum_known(numbered.pairs * parts.recall) as recall,
        sum_known(numbered.pairs * parts.hit_rate) as hit_rate,
        sum_known(numbered.pairs * parts.mrr) as mrr,
        sum_known(numbered.pairs * parts.mrr_at) as mrr_at,
        sum_known(numbered.pairs * parts.ndcg) as ndcg,
        sum_known(numbered.pairs * parts.ndcg_exp) as ndcg_exp,
        sum_known(numbered.pairs * parts.precision) as precision,
        sum_known(numbered.pairs * parts.gain) as gain,
        sum_known(numbered.pairs * parts.gain_exp) as gain_exp
    from numbered
    inner join parts using (case_no)
    group by parts.slot, numbered.cluster
),
final as (
    select slots.run_id, slots.protocol, slots.candidates, slots.k, summed.* exclude (slot)
    from summed
    inner join slots using (slot)
)
select * from final
