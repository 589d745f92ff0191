-- How what produced a run's ranks was fitted: none if nothing was learnt; held out if from another data
-- set; in-sample if from the very items that are scored, as in all runs of earlier versions.
create macro known_fit(fit_on, dataset_, dim_method, quantizer) as
    (
        case
            when coalesce(
                fit_on, case when dim_method = 'pca' or quantizer = 'calibrated' then dataset_ end
            ) is null then 'none'
            when fit_on <> dataset_ then 'held out'
            else 'in-sample'
        end
    );

-- How a run's figures in a comparison were fitted: as in evidence, except that drawn pools, and comparisons
-- with in_sample, use the run's ordinary ranks.
create macro shown_fit(fit, evidence_fit, protocol_name, in_sample) as
    (case when in_sample or protocol_name = 'sampled' then fit else evidence_fit end);

-- The quantiser of codes: absmax if it was not recorded yet; NULL for floats, which have none.
create macro known_quantizer(named, precision_) as
    (coalesce(named, case when precision_ in ('int8', 'int4', 'b1') then 'absmax' end));

-- Bytes of the scale that each vector of a precision has; ranges of the dimensions take its place.
create macro scale_bytes(precision_, range_low) as
    (
        case
            when range_low is null
                and (precision_ in ('int8', 'int4') or starts_with(precision_, 'fp8') or starts_with(precision_, 'rabitq'))
                then 4
            else 0
        end
    );
