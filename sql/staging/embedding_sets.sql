-- The stored embedding sets of the data as it is now, one row each: a model's vectors of one side
-- at one dimension and precision.
with
source as (
    select *
    from read_parquet(getvariable('cmr_root') || '/embedding_sets/*.parquet', union_by_name = true)
    union all by name
    -- Columns that a warehouse may be older than.
    select
        null::varchar[] as checksums,
        null::varchar as quantizer,
        null::varchar as calibration_set,
        null::float[] as range_low,
        null::float[] as range_high,
        null::double as clip_rate,
        null::integer as used_codes,
        null::double as error
    where false
),
final as (
    select source.* replace (known_quantizer(source.quantizer, source.precision) as quantizer)
    from source
    anti join datasets
        on
            datasets.dataset = source.dataset
            and datasets.fingerprint <> source.dataset_fingerprint
)
select * from final
