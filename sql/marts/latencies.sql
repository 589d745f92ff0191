-- How long a single query takes, over the whole gallery and over galleries of C items drawn from it: one
-- row per contender, C and set of conditions, over all repeats. With one thread or all, whichever was
-- faster in a trial.
-- @candidates: Items that are searched; the gallery's size for the whole gallery.
-- @p50_ms: Half of the queries took at most this long, milliseconds.
-- @p95_ms: 95 of 100 took at most this long.
-- @p99_ms: 99 of 100 took at most this long.
-- @mean_ms: Mean time.
-- @singles: How many queries were timed.
-- @threads: How many threads were used.
-- @conditions: Hash of machine, threads, k and batch.
with
final as (
    select
        contender, dataset, model, direction, dim, dim_method, precision, quantizer, scorer,
        variant, vector_bytes, gallery, candidates, k, device,
        1e3 * list_aggregate(latencies, 'quantile_cont', 0.5) as p50_ms,
        1e3 * list_aggregate(latencies, 'quantile_cont', 0.95) as p95_ms,
        1e3 * list_aggregate(latencies, 'quantile_cont', 0.99) as p99_ms,
        1e3 * list_aggregate(latencies, 'avg') as mean_ms,
        length(latencies) as singles,
        used_threads as threads, repeats, race, conditions, machine
    from int_benched
    where stage = 'single'
    order by dataset, model, direction, conditions, candidates, p50_ms
)
select * from final
