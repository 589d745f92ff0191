-- What a run's ranks know of what they were learnt from: none if nothing was; held out of another data
-- set; in-sample of the very items that they are of, as in all runs of earlier versions.
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
