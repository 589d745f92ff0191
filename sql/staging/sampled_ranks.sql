-- The same as ranks within drawn candidate pools, one row a query, relevant item, C and draw.
with
committed as (
    select unnest(files) as file from runs
),
source as (
    select *
    from read_parquet(
        coalesce(
            getvariable('cmr_sampled_ranks'), [getvariable('cmr_root') || '/sampled_ranks/run_id=*/*.parquet']
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
