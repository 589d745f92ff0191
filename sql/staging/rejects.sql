-- What ingest left out, and why.
select found.* exclude (file)
from read_table('rejects', '/rejects/dataset=*/*.parquet') as found
semi join (
    select unnest(files) as file from datasets
    union all
    select unnest(files) as file from qrels_sets
) using (file)
