-- Rows of qrels_sets as stored in its folder; cmr replaces this view by the rows that it has checked.
select *
from read_parquet(warehouse_root() || '/qrels_sets/*.parquet', union_by_name = true)
union all by name
select null::varchar[] as checksums, null::varchar[] as footers, null::varchar as row_checksum
where false
