-- The same as ranks within drawn candidate pools, one row per query, relevant item, C and draw.
-- @cluster: Ordinal of the visual that the query's errors are clustered by: itself, or its first relevant one.
-- @ideal_gains: The query's judgments from the highest on, where they are graded; else NULL.
with
committed as (
    select unnest(files) as file from runs
),
source as (
    select *
    from read_parquet(
        coalesce(getvariable('cmr_sampled_ranks'), [getvariable('cmr_root') || '/sampled_ranks/run_id=*/*.parquet']),
        hive_partitioning = true, hive_types = {'run_id': varchar}, union_by_name = true, filename = true
    )
    union all by name
    -- Columns that a warehouse may be older than.
    select null::bigint as cluster, null::integer[] as ideal_gains
    where false
),
final as (
    select
        source.* exclude (filename) replace (
            coalesce(source.cluster, int_facts.cluster) as cluster,
            coalesce(source.ideal_gains, int_facts.ideal_gains) as ideal_gains
        )
    from source
    semi join committed
        on substr(source.filename, length(getvariable('cmr_root')) + 2) = committed.file
    left join int_facts using (run_id, query_id)
)
select * from final
