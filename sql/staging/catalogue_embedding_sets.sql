-- Rows of embedding_sets as stored in its folder; cmr replaces this view by the rows that it has checked.
select *
from read_parquet(warehouse_root() || '/embedding_sets/*.parquet', union_by_name = true)
union all by name
-- Columns that an older warehouse may lack.
select
    null::varchar[] as checksums,
    null::varchar[] as footers,
    null::varchar as row_checksum,
    null::varchar as quantizer,
    null::varchar as calibration_set,
    null::float[] as range_low,
    null::float[] as range_high,
    null::double as clip_rate,
    null::integer as used_codes,
    null::double as error,
    null::float[] as centre,
    null::double as balanced,
    null::varchar as fit_on,
    null::bigint as fit_vectors
where false
