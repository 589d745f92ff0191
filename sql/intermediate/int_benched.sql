-- The latest measurement of each contender, stage, C, number of clients and filter under the same conditions, with its repeats in
-- one row: seconds per query for searches, seconds per vector for building and encoding.
-- @contender: Hash of what was searched and how: sets, direction, scorer and its settings, device.
-- @index_of: The same without expansion_search, which does not change an index.
-- @middle: Median over the repeats of seconds per query.
-- @quickest: The fastest repeat.
-- @slowest: The slowest repeat.
-- @each: Seconds per query of every repeat, in order.
-- @latencies: Seconds of every single query of all repeats.
-- @used_threads: How many threads were used; for single queries, whichever number was faster.
with
recent as (
    select
        *,
        md5(concat_ws(
            '|', dataset, model, text_set, visual_set, direction, scorer, 'options ' || scorer_options,
            connectivity, expansion_add,
            'rescored ' || rescore || ' ' || oversample, device, modality
        )) as index_of,
        md5(concat_ws('|', index_of, 'ef ' || expansion_search)) as contender
    from benches
    qualify row_number() over (
        partition by contender, stage, candidates, clients, selectivity, conditions order by started_at desc, bench_id
    ) = 1
),
repeats as (
    select
        run_id as bench_id,
        median(seconds / queries) as middle,
        min(seconds / queries) as quickest,
        max(seconds / queries) as slowest,
        list(seconds / queries order by repeat) as each,
        median(seconds) as seconds,
        flatten(list(latencies) filter (latencies is not null)) as latencies,
        max(threads) as used_threads,
        max(queries) as queries,
        max(peak_rss_bytes) as peak_rss_bytes,
        max(idle_rss_bytes) as idle_rss_bytes,
        max(peak_device_bytes) as peak_device_bytes
    from timings
    where measured = 'bench'
    group by run_id
),
final as (
    select
        recent.* exclude (seconds, files),
        repeats.* exclude (bench_id)
    from recent
    inner join repeats using (bench_id)
)
select * from final
