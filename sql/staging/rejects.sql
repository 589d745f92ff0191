-- What ingest left out, and why.
with
committed as (
    select unnest(files) as file from datasets
    union all
    select unnest(files) as file from qrels_sets
),
source as (
    select *
    from read_parquet(
        coalesce(
            getvariable('cmr_rejects'), [getvariable('cmr_root') || '/rejects/dataset=*/*.parquet']
        ),
        hive_partitioning = true, hive_types = {'dataset': varchar}, union_by_name = true, filename = true
    )
),
final as (
    select source.* exclude (filename)
    from source
    semi join committed
        on substr(source.filename, length(getvariable('cmr_root')) + 2) = committed.file
)
select * from final
