-- The data sets, one row each: what was ingested and how much of it.
select *
from read_parquet(getvariable('cmr_root') || '/datasets/*.parquet', union_by_name = true)
union all by name
select null::varchar[] as checksums where false
