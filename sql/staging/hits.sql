-- The top of every query's list, for runs that kept it.
-- @cluster: Ordinal of the visual that the query's errors are clustered by: itself, or its first relevant one.
select found.* exclude (file) replace (coalesce(found.cluster, int_facts.cluster) as cluster)
from (
    from read_table('hits', '/hits/run_id=*/*.parquet')
    union all by name
    -- Columns that a warehouse may be older than.
    select null::bigint as exact_above, null::bigint as cluster
    where false
) as found
semi join (select unnest(files) as file from runs) using (file)
left join int_facts using (run_id, query_id)
