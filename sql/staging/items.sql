-- Texts and visuals of every data set, one row each.
select found.* exclude (filename)
from read_parquet(
    files_of('items', '/items/dataset=*/modality=*/*.parquet'),
    hive_partitioning = true, hive_types_autocast = false, union_by_name = true, filename = true
) as found
semi join (select unnest(files) as file from datasets) as committed on committed.file = below_root(found.filename)
