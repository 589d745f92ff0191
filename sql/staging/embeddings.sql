-- Stored vectors, one row each: floats in vector, or codes with a scale.
with
committed as (
    select unnest(files) as file, set_id, quantizer from embedding_sets
),
source as (
    select *
    from read_parquet(
        coalesce(
            getvariable('cmr_embeddings'), [getvariable('cmr_root') || '/embeddings/dataset=*/model=*/modality=*/dim=*/dim_method=*/precision=*/*.parquet']
        ),
        hive_partitioning = true, hive_types = {'dataset': varchar, 'model': varchar, 'modality': varchar, 'dim': bigint, 'dim_method': varchar, 'precision': varchar}, union_by_name = true, filename = true
    )
),
final as (
    select source.* exclude (filename), committed.set_id, committed.quantizer
    from source
    inner join committed
        on substr(source.filename, length(getvariable('cmr_root')) + 2) = committed.file
)
select * from final
