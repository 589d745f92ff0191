-- The same as ranks within drawn candidate pools, one row per query, relevant item, C and draw.
-- @cluster: Ordinal of the visual that clusters the query's errors: itself, or its first relevant one.
-- @ideal_gains: The query's judgments in descending order if they are graded; else NULL.
select
    found.* exclude (filename) replace (
        coalesce(found.cluster, int_facts.cluster) as cluster,
        coalesce(found.ideal_gains, int_facts.ideal_gains) as ideal_gains
    )
from (
    from read_parquet(
        files_of('sampled_ranks', '/sampled_ranks/run_id=*/*.parquet'),
        hive_partitioning = true, hive_types_autocast = false, union_by_name = true, filename = true
    )
    union all by name
    -- Columns that an older warehouse may lack.
    select
        null::bigint as cluster, null::integer[] as ideal_gains, null::bigint as case_no, null::bigint as case_pairs,
        null::bigint as alike
    where false
) as found
semi join (select unnest(files) as file from runs) as committed on committed.file = below_root(found.filename)
left join int_facts using (run_id, query_id)
