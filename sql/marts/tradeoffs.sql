-- What every representation costs and keeps, over the whole gallery. Speeds are from `cmr bench`, on one
-- machine for all comparable runs; speed has the others.
-- @fit: How the measures were obtained, as in retention.
-- @bytes_share: vector_bytes / the baseline's.
-- @recall_10: recall@10.
-- @mrr: Mean reciprocal rank of the first relevant item.
-- @ndcg_10: NDCG@10 with gain = relevance.
-- @recall_10_kept: recall_10 / the baseline's.
-- @recall_10_kept_low: Lower end of its 95% interval.
-- @recall_10_kept_high: Upper end of its 95% interval.
-- @mrr_kept: mrr / the baseline's.
-- @ndcg_10_kept: ndcg_10 / the baseline's.
-- @baseline: The run it is compared with: fp32 at the native dimension, else the finest that is not expanded.
-- @baseline_is: native fp32, or finest available.
-- @queries_per_second: In batches, by `cmr bench`; NULL if the run was not measured, or only on another
-- machine.
-- @p50_ms: Median time of a single query over the whole gallery, milliseconds.
-- @p99_ms: 99 of 100 single queries took at most this long.
-- @pareto: Whether no other representation with a speed is at least as good in bytes, speed and recall_10,
-- and better in one of them; NULL if the speed is unknown.
-- @pareto_bytes: The same by bytes and recall_10 only, ignoring speed.
-- @front: pareto, but among the representations of all models of the data set.
-- @front_bytes: pareto_bytes, but among the representations of all models of the data set.
with
wide as (
    select
        run_id, dataset, qrels, model, direction, dim, dim_method, precision, scorer,
        vector_bytes, fit,
        baseline, baseline_is,
        max(value) filter (measure = 'recall' and k = 10) as recall_10,
        max(value) filter (measure = 'mrr') as mrr,
        max(value) filter (measure = 'ndcg' and k = 10) as ndcg_10,
        max(retention) filter (measure = 'recall' and k = 10) as recall_10_kept,
        max(ci_low) filter (measure = 'recall' and k = 10) as recall_10_kept_low,
        max(ci_high) filter (measure = 'recall' and k = 10) as recall_10_kept_high,
        max(retention) filter (measure = 'mrr') as mrr_kept,
        max(retention) filter (measure = 'ndcg' and k = 10) as ndcg_10_kept
    from retention
    group by all
),
costed as materialized (
    select
        wide.*, base.vector_bytes as base_bytes,
        speed.queries_per_second, speed.p50_ms, speed.p99_ms,
        speed.index_vector_bytes, speed.memory_vector_bytes, speed.conditions, speed.machine
    from wide
    left join runs as base on base.run_id = wide.baseline
    left join int_pace as speed on speed.run_id = wide.run_id
),
beaten as (
    select
        run_id,
        bool_or(ahead) filter (own_model) as by_bytes,
        bool_or(ahead) as by_bytes_of_any,
        bool_or(no_slower and (ahead or faster)) filter (own_model) as by_all,
        bool_or(no_slower and (ahead or faster)) as by_all_of_any
    from (
        select
            x.run_id, y.model = x.model as own_model,
            y.vector_bytes < x.vector_bytes or y.recall_10 > x.recall_10 as ahead,
            y.queries_per_second >= x.queries_per_second as no_slower,
            y.queries_per_second > x.queries_per_second as faster
        from costed as x
        inner join costed as y
            on
                y.dataset = x.dataset
                and y.qrels = x.qrels
                and y.direction = x.direction
                and y.scorer = x.scorer
                and y.vector_bytes <= x.vector_bytes
                and y.recall_10 >= x.recall_10
    )
    group by run_id
),
final as (
    select
        run_id, dataset, qrels, model, direction, dim, dim_method, precision, scorer,
        vector_bytes,
        vector_bytes / base_bytes as bytes_share,
        recall_10, mrr, ndcg_10,
        recall_10_kept, recall_10_kept_low, recall_10_kept_high, mrr_kept, ndcg_10_kept,
        baseline, baseline_is, queries_per_second,
        p50_ms, p99_ms, index_vector_bytes, memory_vector_bytes, conditions, machine,
        not by_all as pareto,
        not by_bytes as pareto_bytes, fit,
        not by_all_of_any as front,
        not by_bytes_of_any as front_bytes
    from costed
    inner join beaten using (run_id)
    order by dataset, qrels, model, direction, vector_bytes desc, recall_10 desc, run_id
)
select * from final
