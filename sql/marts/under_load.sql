-- How fast searches are while so many clients at once send single queries, one after the other: one row per
-- contender, number of clients, set of conditions and run that has its quality.
-- @run_id: The run with the quality of the same vectors and search; NULL if none was evaluated.
-- @clients: How many clients sent queries.
-- @queries_per_second: What was answered within the time in which they sent, of all clients together; the
-- median over the repeats.
-- @slowest: The same in the slowest repeat.
-- @quickest: The same in the fastest repeat.
-- @p50_ms: Half of the queries of all repeats took at most this long, milliseconds.
-- @p95_ms: 95 of 100 took at most this long.
-- @p99_ms: 99 of 100 took at most this long.
-- @seconds: For how long clients sent, in a repeat.
-- @queries: How many queries were timed, in all repeats.
-- @threads: How many threads a search was given; one, or a client's share of them all, whichever answered
-- more.
-- @conditions: Hash of machine, threads, k and batch.
with
final as (
    select
        runs.run_id, benched.contender, benched.dataset, benched.model, benched.direction, benched.dim,
        benched.dim_method, benched.precision, benched.quantizer, benched.scorer, benched.variant,
        benched.clients,
        1 / benched.middle as queries_per_second,
        1 / benched.slowest as slowest,
        1 / benched.quickest as quickest,
        1e3 * list_aggregate(benched.latencies, 'quantile_cont', 0.5) as p50_ms,
        1e3 * list_aggregate(benched.latencies, 'quantile_cont', 0.95) as p95_ms,
        1e3 * list_aggregate(benched.latencies, 'quantile_cont', 0.99) as p99_ms,
        benched.seconds,
        length(benched.latencies) as queries,
        benched.used_threads as threads, benched.gallery, benched.k, benched.device, benched.reads,
        benched.vector_bytes, benched.index_vector_bytes, benched.repeats, benched.race,
        benched.conditions, benched.machine, benched.versions, benched.started_at as measured_at
    from int_benched as benched
    left join int_bench_runs as runs using (bench_id)
    where benched.stage = 'clients'
    order by
        benched.dataset, benched.model, benched.direction, benched.conditions, benched.clients,
        queries_per_second desc
)
select * from final
