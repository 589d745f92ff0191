-- The top of every query's list, for runs that stored it.
-- @cluster: Ordinal of the visual that clusters the query's errors: itself, or its first relevant one.
select found.* exclude (filename) replace (coalesce(found.cluster, int_facts.cluster) as cluster)
from (
    from read_parquet(
        files_of('hits', '/hits/run_id=*/*.parquet'),
        hive_partitioning = true, hive_types_autocast = false, union_by_name = true, filename = true
    )
    union all by name
    -- Columns that an older warehouse may lack.
    select null::bigint as exact_above, null::bigint as cluster
    where false
) as found
semi join (select unnest(files) as file from runs) as committed on committed.file = below_root(found.filename)
left join int_facts using (run_id, query_id)
