-- How fast searches are. A row measured by `cmr bench` is one contender under one set of conditions, with
-- the run that has its quality, if there is one; a row measured in evaluate is the pass that counts a run's
-- exact ranks, which is a different task; kernels are compiled before its clock starts. Small work is counted
-- in float64 whatever the precision, which is no speed, and has no row. Figures are comparable if measured and conditions are the same; tradeoffs, decisions and the report only do that, and
-- only with figures of `cmr bench`.
-- @run_id: The run with the quality of the same vectors and search; NULL if none was evaluated.
-- @measured: bench or evaluate.
-- @queries: Queries per batch.
-- @seconds: Time for all of them, the median over the repeats.
-- @queries_per_second: In batches, the median over the repeats; in evaluate, queries of one direction /
-- seconds of the pass, which serves both.
-- @slowest: Queries per second in the slowest repeat.
-- @quickest: Queries per second in the fastest repeat.
-- @p50_ms: Median time of a single query over the whole gallery, milliseconds.
-- @p95_ms: 95 of 100 single queries took at most this long.
-- @p99_ms: 99 of 100 single queries took at most this long.
-- @build_seconds: Median seconds to build the index from vectors in memory.
-- @build_peak_bytes: Peak resident memory while it was built, minus what the process held before it loaded
-- anything.
-- @search_peak_bytes: The same while batches were searched.
-- @ann_recall: Share of the exact top k that the batch found; 1 for an exact one-stage search.
-- @conditions: Hash of machine, threads, k and batch.
with
keys as (
    select contender, index_of, conditions, max(bench_id) as any_id
    from int_benched
    where stage in ('batch', 'single') and (stage = 'batch' or candidates = gallery)
    group by all
    union all
    select contender, index_of, conditions, max(bench_id) as any_id
    from int_benched
    where stage = 'build' and (index_of, conditions) not in (
        select (index_of, conditions) from int_benched where stage in ('batch', 'single')
    )
    group by all
),
staged as (
    select
        whole.bench_id, whole.contender, whole.dataset, whole.model, whole.direction, whole.dim, whole.dim_method,
        whole.precision, whole.quantizer, whole.scorer, whole.variant, whole.scorer_options, whole.connectivity,
        whole.expansion_add, whole.expansion_search, whole.rescore, whole.oversample,
        whole.text_set, whole.visual_set, whole.device, whole.gallery, whole.threads,
        whole.conditions, whole.machine, whole.versions, whole.vector_bytes,
        whole.disk_vector_bytes, whole.k, whole.index_vector_bytes,
        batch.batch as queries,
        batch.middle as a_query,
        batch.quickest as a_query_at_best,
        batch.slowest as a_query_at_worst,
        batch.agreement, batch.repeats, batch.race,
        greatest(0, batch.peak_rss_bytes - batch.idle_rss_bytes) as search_peak_bytes,
        batch.peak_device_bytes, batch.peak_rss_bytes,
        1e3 * list_aggregate(single.latencies, 'quantile_cont', 0.5) as p50_ms,
        1e3 * list_aggregate(single.latencies, 'quantile_cont', 0.95) as p95_ms,
        1e3 * list_aggregate(single.latencies, 'quantile_cont', 0.99) as p99_ms,
        build.seconds as build_seconds,
        greatest(0, build.peak_rss_bytes - build.idle_rss_bytes) as build_peak_bytes,
        coalesce(build.memory_vector_bytes, whole.memory_vector_bytes) as memory_vector_bytes,
        greatest(batch.started_at, single.started_at, build.started_at) as measured_at
    from keys
    inner join int_benched as whole on whole.bench_id = keys.any_id
    left join int_benched as batch
        on
            batch.stage = 'batch'
            and batch.contender = keys.contender
            and batch.conditions = keys.conditions
    left join int_benched as single
        on
            single.stage = 'single'
            and single.candidates = single.gallery
            and single.contender = keys.contender
            and single.conditions = keys.conditions
    left join int_benched as build
        on
            build.stage = 'build'
            and build.index_of = keys.index_of
            and build.conditions = keys.conditions
),
scored as (
    select run_id, max(queries) as queries, min(seconds) as seconds, max(peak_rss_bytes) as peak_rss_bytes
    from timings
    where stage = 'score'
    group by run_id
),
final as (
    select
        runs.run_id, 'bench' as measured, staged.contender, staged.dataset, staged.model,
        staged.direction, staged.dim, staged.dim_method, staged.precision, staged.quantizer,
        staged.scorer, staged.variant, staged.scorer_options, staged.connectivity, staged.expansion_add,
        staged.expansion_search, staged.rescore, staged.oversample, staged.device, staged.gallery,
        staged.k, staged.queries, staged.a_query * staged.queries as seconds,
        1 / staged.a_query as queries_per_second, 1 / staged.a_query_at_worst as slowest,
        1 / staged.a_query_at_best as quickest, staged.p50_ms, staged.p95_ms, staged.p99_ms,
        staged.build_seconds, staged.vector_bytes, staged.disk_vector_bytes,
        staged.memory_vector_bytes, staged.index_vector_bytes,
        case
            when staged.scorer in ('torch', 'usearch-exact') and staged.rescore is null then 1.0
            else staged.agreement
        end as ann_recall,
        staged.build_peak_bytes, staged.search_peak_bytes, staged.peak_rss_bytes,
        staged.peak_device_bytes, staged.threads, staged.repeats, staged.race, staged.conditions,
        staged.machine, staged.versions, staged.measured_at
    from staged
    left join int_bench_runs as runs using (bench_id)
    union all by name
    select
        runs.run_id, 'evaluate' as measured, runs.dataset, runs.model, runs.direction, runs.dim,
        runs.dim_method, runs.precision, runs.quantizer, runs.scorer, runs.variant,
        runs.scorer_options, runs.connectivity, runs.expansion_add, runs.expansion_search, runs.rescore,
        runs.oversample, runs.device, runs.gallery,
        scored.queries, scored.seconds, scored.queries / scored.seconds as queries_per_second,
        scored.peak_rss_bytes, runs.vector_bytes, md5(coalesce(runs.machine, '')) as conditions, runs.machine,
        runs.versions, runs.started_at as measured_at
    from scored
    inner join runs using (run_id)
)
select * from final
