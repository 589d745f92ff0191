-- What quantising did to every stored set of codes, one row each, as it was found when they were
-- written; NULL of a set that was written before it was looked at.
-- @quantizer: absmax, calibrated, rotated, centred, median, rabitq, pq, or another package's.
-- @calibration_modality: The side whose vectors the ranges, the centre or the codebook were learnt from.
-- @clip_rate: Share of the values beyond the range of their dimension; 0 without ranges.
-- @used_codes: How many different codes occur.
-- @codes_there: How many codes exist; for 8-bit floats, the finite ones. NULL if unknown.
-- @balanced: Share of the dimensions whose bit splits the vectors well: 40% to 60% of them are above zero,
-- the centre, or the middle of the range; at any precision.
-- @error: Mean squared distance between a unit vector and its decoded codes; for bits with a centre, of its
-- direction from the centre.
-- @error_db: The same in decibels, 10 log10: 6 dB less correspond to one bit more.
with
final as (
    select
        sets.set_id, sets.dataset, sets.model, sets.modality, sets.dim, sets.dim_method,
        sets.precision, sets.quantizer, calibration.modality as calibration_modality, sets.rows,
        sets.vector_bytes, sets.clip_rate, sets.used_codes,
        case
            when sets.precision = 'b1' then 2
            when starts_with(sets.precision, 'rabitq') then 2 ** right(sets.precision, 1)::integer
            when starts_with(sets.precision, 'pq') then 256
            when sets.precision = 'fp8_e4m3' then 254
            when sets.precision = 'fp8_e5m2' then 248
            when sets.precision = 'int4' then case when sets.range_low is null then 15 else 16 end
            when sets.precision = 'int8' then case when sets.range_low is null then 255 else 256 end
        end as codes_there,
        sets.balanced,
        sets.error,
        10 * log10(nullif(sets.error, 0)) as error_db
    from embedding_sets as sets
    left join embedding_sets as calibration on calibration.set_id = sets.calibration_set
    where sets.quantizer is not null
    order by
        sets.dataset, sets.model, sets.dim, sets.dim_method, sets.precision, sets.quantizer,
        sets.modality, sets.set_id
)
select * from final
