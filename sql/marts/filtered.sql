-- Single queries among the items that a filter lets pass: one row per contender, filter, set of conditions and
-- run that has its quality without a filter. The filter is of a number of each item, drawn at random and
-- the same for every engine; a smaller selection is part of a larger one.
-- @run_id: The run with the quality of the same vectors and search, without a filter; NULL if none was
-- evaluated.
-- @passing: How many items the filter lets pass.
-- @ann_recall: Share of the exact top k of what passes that the lists have; if fewer than k pass, of them all.
-- @p50_ms: Half of the queries took at most this long, milliseconds.
-- @p95_ms: 95 of 100 took at most this long.
-- @p99_ms: 99 of 100 took at most this long.
-- @singles: How many queries were timed, in all repeats.
-- @threads: How many threads were used.
-- @index_vector_bytes: Bytes of the index per vector, with the number that is filtered by.
-- @conditions: Hash of machine, threads, k and batch.
with
final as (
    select
        runs.run_id, benched.contender, benched.dataset, benched.model, benched.direction, benched.dim,
        benched.dim_method, benched.precision, benched.quantizer, benched.scorer, benched.variant,
        benched.selectivity,
        greatest(1, ceil(round(benched.selectivity * benched.gallery, 6)))::bigint as passing,
        benched.agreement as ann_recall, benched.missing_results,
        1e3 * list_aggregate(benched.latencies, 'quantile_cont', 0.5) as p50_ms,
        1e3 * list_aggregate(benched.latencies, 'quantile_cont', 0.95) as p95_ms,
        1e3 * list_aggregate(benched.latencies, 'quantile_cont', 0.99) as p99_ms,
        length(benched.latencies) as singles,
        benched.used_threads as threads, benched.gallery, benched.k, benched.device,
        benched.vector_bytes, benched.index_vector_bytes, benched.repeats, benched.race,
        benched.conditions, benched.machine, benched.versions, benched.started_at as measured_at
    from int_benched as benched
    left join int_bench_runs as runs using (bench_id)
    where benched.stage = 'filters'
    order by
        benched.dataset, benched.model, benched.direction, benched.conditions, benched.scorer,
        benched.variant, benched.selectivity desc
)
select * from final
