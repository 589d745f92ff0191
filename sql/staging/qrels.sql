-- Relevance judgments, one row per pair; read from either side.
with
committed as (
    select unnest(files) as file from datasets
),
source as (
    select *
    from read_parquet(
        coalesce(
            getvariable('cmr_qrels'), [getvariable('cmr_root') || '/qrels/dataset=*/*.parquet']
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
