-- Relevance judgments, one row per pair; read from either side.
select found.* exclude (filename)
from read_parquet(
    files_of('qrels', '/qrels/dataset=*/*.parquet'),
    hive_partitioning = true, hive_types_autocast = false, union_by_name = true, filename = true
) as found
semi join (select unnest(files) as file from datasets) as committed on committed.file = below_root(found.filename)
