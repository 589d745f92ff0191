-- The top of every query's list, for runs that kept it.
-- @cluster: Ordinal of the visual that the query's errors are clustered by: itself, or its first relevant one.
with
committed as (
    select unnest(files) as file from runs
),
source as (
    select *
    from read_parquet(
        coalesce(
            getvariable('cmr_hits'), [getvariable('cmr_root') || '/hits/run_id=*/*.parquet']
        ),
        hive_partitioning = true, hive_types = {'run_id': varchar}, union_by_name = true, filename = true
    )
    union all by name
    -- Columns that a warehouse may be older than.
    select null::bigint as exact_above, null::bigint as cluster
    where false
),
final as (
    select source.* exclude (filename) replace (coalesce(source.cluster, int_facts.cluster) as cluster)
    from source
    semi join committed
        on substr(source.filename, length(getvariable('cmr_root')) + 2) = committed.file
    left join int_facts using (run_id, query_id)
)
select * from final
