-- Relevance judgments, one row a pair; read from either side.
select found.* exclude (file)
from read_table('qrels', '/qrels/dataset=*/*.parquet') as found
semi join (select unnest(files) as file from datasets) using (file)
