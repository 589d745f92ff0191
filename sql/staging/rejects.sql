-- What ingest left out, and why.
select found.* exclude (filename)
from read_parquet(
    files_of('rejects', '/rejects/dataset=*/*.parquet'),
    hive_partitioning = true, hive_types_autocast = false, union_by_name = true, filename = true
) as found
semi join (
    select unnest(files) as file from datasets
    union all
    select unnest(files) as file from qrels_sets
) as committed on committed.file = below_root(found.filename)
