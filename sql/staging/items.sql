-- Texts and visuals of every data set, one row each.
select found.* exclude (file)
from read_table('items', '/items/dataset=*/modality=*/*.parquet') as found
semi join (select unnest(files) as file from datasets) using (file)
