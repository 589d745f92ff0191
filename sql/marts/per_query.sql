-- Every measure of every single query, under each run, protocol, C, draw and K.
-- @value: The query's measure, expected over the order inside ties.
with
first_cutoffs as (
    select run_id, min(k) as first_k from int_cutoffs group by run_id
),
by_query as (
    select
        run_id, protocol, candidates, draw, query_id, k,
        sum(recall) as recall,
        sum(hit_rate) as hit_rate,
        sum(mrr) as mrr,
        sum(ndcg) as ndcg,
        sum(ndcg_exp) as ndcg_exp,
        sum(precision) as precision
    from int_contributions
    group by all
),
long as (
    unpivot by_query
    on recall, hit_rate, mrr, ndcg, ndcg_exp, precision
    into name measure value value
),
final as (
    select
        run_id, protocol, candidates, draw, query_id, measure,
        case when measure <> 'mrr' then k end as k,
        value
    from long
    inner join first_cutoffs using (run_id)
    where measure <> 'mrr' or k = first_k
    union all
    select
        run_id, 'full', candidates, null, query_id,
        unnest(['map', 'mean_rank']), null, unnest([average_precision, first_rank])
    from int_first_ranks
)
select * from final
