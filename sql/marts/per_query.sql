-- Every measure of every single query, under each run, protocol, C, draw and K.
-- @value: The query's measure, expected over the order inside ties; NULL where a list does not
-- tell it.
with
first_cutoffs as (
    select run_id, min(k) as first_k from int_cutoffs group by run_id
),
by_query as (
    select
        run_id, protocol, candidates, draw, query_id, k,
        sum_known(recall) as recall,
        sum_known(hit_rate) as hit_rate,
        sum_known(mrr) as mrr,
        sum_known(mrr_at) as "mrr@k",
        sum_known(ndcg) as ndcg,
        sum_known(ndcg_exp) as ndcg_exp,
        sum_known(precision) as precision
    from int_contributions
    group by all
),
long as (
    select *
    from by_query
    unpivot include nulls (
        value for measure in (recall, hit_rate, mrr, "mrr@k", ndcg, ndcg_exp, precision)
    )
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
    union all
    select run_id, 'full', gallery, null, query_id, 'ann_recall', k, agreed from int_agreement
)
select * from final
