-- Why a run's own figures are not held out, in words; NULL if they are. A quantiser learnt from few vectors
-- overfits the gallery that it searches, though not the query or what is relevant to it.
seen_too_much(fit, quantizer, gallery, dim) as
    (
        case
            when fit = 'in-sample' then 'it was learnt from what it is scored on'
            when fit = 'cross-fitted' and quantizer not in ('absmax', 'rotated') and gallery < 20 * dim
                then 'its quantizer was learnt from fewer than 20 vectors per dimension of the gallery that it searches'
        end
    )
