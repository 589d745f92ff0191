-- How what produced a run's ranks was fitted: none if nothing was learnt; held out if from another data
-- set; in-sample if from the very items that are scored, as in all runs of earlier versions.
known_fit(fit_on, dataset_, dim_method, quantizer) as
    (
        case
            when coalesce(
                fit_on, case when dim_method = 'pca' or quantizer = 'calibrated' then dataset_ end
            ) is null then 'none'
            when fit_on <> dataset_ then 'held out'
            else 'in-sample'
        end
    )
