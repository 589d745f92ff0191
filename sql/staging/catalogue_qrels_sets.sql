-- Rows of qrels_sets as they lie in its folder: cmr puts those that it has checked in the place of this view.
select *
from read_parquet(warehouse_root() || '/qrels_sets/*.parquet', union_by_name = true)
union all by name
select null::varchar[] as checksums, null::varchar[] as footers, null::varchar as row_checksum
where false
