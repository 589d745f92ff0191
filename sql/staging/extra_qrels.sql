-- Further judgments, one row per pair, each for the queries of one direction or of both.
-- @direction: t2v, v2t, or both if the rows are read from either side.
select found.* exclude (filename)
from read_parquet(
    files_of('extra_qrels', '/extra_qrels/dataset=*/qrels=*/*.parquet'),
    hive_partitioning = true, hive_types_autocast = false, union_by_name = true, filename = true
) as found
semi join (select unnest(files) as file from qrels_sets) as committed on committed.file = below_root(found.filename)
