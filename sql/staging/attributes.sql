-- What the source of a data set says of its items beside captions and media, a row for each value.
-- @name: The attribute: a column of the source, or a key of its JSON.
-- @value: A value of it, as text; an item may have several.
select found.* exclude (filename)
from read_parquet(
    files_of('attributes', '/attributes/dataset=*/modality=*/*.parquet'),
    hive_partitioning = true, hive_types_autocast = false, union_by_name = true, filename = true
) as found
semi join (select unnest(files) as file from datasets) as committed on committed.file = below_root(found.filename)
