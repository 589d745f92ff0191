-- Texts and visuals of every data set, one row each.
with
committed as (
    select unnest(files) as file from datasets
),
source as (
    select *
    from read_parquet(
        coalesce(
            getvariable('cmr_items'), [getvariable('cmr_root') || '/items/dataset=*/modality=*/*.parquet']
        ),
        hive_partitioning = true, hive_types = {'dataset': varchar, 'modality': varchar}, union_by_name = true, filename = true
    )
),
final as (
    select source.* exclude (filename)
    from source
    semi join committed
        on substr(source.filename, length(getvariable('cmr_root')) + 2) = committed.file
)
select * from final
