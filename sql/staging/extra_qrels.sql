-- Further judgments, one row a pair, each for the queries of one direction, or of both.
-- @direction: t2v, v2t, or both where the rows are read from either side.
select found.* exclude (file)
from read_table('extra_qrels', '/extra_qrels/dataset=*/qrels=*/*.parquet') as found
semi join (select unnest(files) as file from qrels_sets) using (file)
