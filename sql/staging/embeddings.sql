-- Stored vectors, one row each: floats in vector, or codes with a scale.
select
    found.* exclude (filename) replace (found.dim::bigint as dim, committed.dim_method as dim_method),
    committed.set_id,
    committed.quantizer
from read_parquet(
    files_of('embeddings', '/embeddings/dataset=*/model=*/modality=*/dim=*/dim_method=*/precision=*/*.parquet'),
    hive_partitioning = true, hive_types_autocast = false, union_by_name = true, filename = true
) as found
inner join (select unnest(files) as file, set_id, dim_method, quantizer from embedding_sets) as committed
    on committed.file = below_root(found.filename)
