-- Every measure of every single query, under each run, protocol, C, draw and K.
-- @value: The query's measure, expected over the order inside ties.
with
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
    where measure <> 'mrr' or k = 1
)
select * from final
