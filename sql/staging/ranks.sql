-- For every query and relevant item of a run: how many gallery items scored above it and tied with it.
with
committed as (
    select unnest(files) as file from runs
),
source as (
    select *
    from read_parquet(
        coalesce(
            getvariable('cmr_ranks'), [getvariable('cmr_root') || '/ranks/run_id=*/*.parquet']
        ),
        hive_partitioning = true, hive_types = {'run_id': varchar}, union_by_name = true, filename = true
    )
),
final as (
    select source.* exclude (filename)
    from source
    semi join committed
        on substr(source.filename, length(getvariable('cmr_root')) + 2) = committed.file
)
select * from final
