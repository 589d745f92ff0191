-- Further judgments of data sets, one row a named set of them (`cmr ingest qrels`).
select *
from read_parquet(getvariable('cmr_root') || '/qrels_sets/*.parquet', union_by_name = true)
union all by name
select null::varchar[] as checksums where false
