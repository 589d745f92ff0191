-- What product codes name, beside the codes of a set: the rows of the rotation that is learnt with them, and
-- each part's centroids.
-- @part: Of the rotated dimensions, from 0: as many of them as values has. NULL of the rotation.
-- @code: What a byte of a code names; the rotation's row, where part is NULL.
-- @values: The centroid, or the row of the matrix by which vectors are multiplied first.
-- @learnt_by: The package that learnt them, with its version.
select found.* exclude (filename) replace (found.dim::bigint as dim, committed.dim_method as dim_method), committed.set_id
from read_parquet(
    files_of('codebooks', '/codebooks/dataset=*/model=*/modality=*/dim=*/dim_method=*/precision=*/*.parquet'),
    hive_partitioning = true, hive_types_autocast = false, union_by_name = true, filename = true
) as found
inner join (select unnest(files) as file, set_id, dim_method from embedding_sets) as committed
    on committed.file = below_root(found.filename)
