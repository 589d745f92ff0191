-- How long each stage of a run took, and the memory it reached; and every repeat of what `cmr bench`
-- measured.
-- @run_id: The run, or the bench_id of a measurement by `cmr bench`.
-- @measured: evaluate: a stage of a run; bench: a repeat of a row of benches.
select found.* exclude (filename), committed.measured
from (
    from read_parquet(
        files_of('timings', '/timings/run_id=*/*.parquet'),
        hive_partitioning = true, hive_types_autocast = false, union_by_name = true, filename = true
    )
    union all by name
    -- Columns that an older warehouse may lack.
    select null::integer as threads, null::bigint as idle_rss_bytes, null::double[] as latencies
    where false
) as found
inner join (
    select unnest(files) as file, 'evaluate' as measured from runs
    union all
    select unnest(files) as file, 'bench' as measured from benches
) as committed on committed.file = below_root(found.filename)
