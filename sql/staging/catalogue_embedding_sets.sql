-- Rows of embedding_sets as they lie in its folder: cmr puts those that it has checked in the place of this view.
select *
from read_parquet(warehouse_root() || '/embedding_sets/*.parquet', union_by_name = true)
union all by name
-- Columns that a warehouse may be older than.
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
