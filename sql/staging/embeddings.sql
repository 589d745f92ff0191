-- Stored vectors, one row each: floats in vector, or codes with a scale.
select found.* exclude (file) replace (found.dim::bigint as dim), committed.set_id, committed.quantizer
from read_table(
    'embeddings', '/embeddings/dataset=*/model=*/modality=*/dim=*/dim_method=*/precision=*/*.parquet'
) as found
inner join (select unnest(files) as file, set_id, quantizer from embedding_sets) as committed using (file)
