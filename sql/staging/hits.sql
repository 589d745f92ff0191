-- The top of every query's list, for runs that kept it.
-- @cluster: Ordinal of the visual that the query's errors are clustered by: itself, or its first relevant one.
select found.* exclude (filename) replace (coalesce(found.cluster, int_facts.cluster) as cluster)
from (
    from read_parquet(
        files_of('hits', '/hits/run_id=*/*.parquet'),
        hive_partitioning = true, hive_types_autocast = false, union_by_name = true, filename = true
    )
    union all by name
    -- Columns that a warehouse may be older than.
    select null::bigint as exact_above, null::bigint as cluster
    where false
) as found
semi join (select unnest(files) as file from runs) as committed on committed.file = below_root(found.filename)
left join int_facts using (run_id, query_id)
