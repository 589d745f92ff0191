-- The top of every query's list, for runs that kept it.
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
    -- A column that a warehouse may be older than.
    select null::bigint as exact_above
    where false
),
final as (
    select source.* exclude (filename)
    from source
    semi join committed
        on substr(source.filename, length(getvariable('cmr_root')) + 2) = committed.file
)
select * from final
