-- Why a run's own figures are not held out, in words; NULL if they are. A quantiser learnt from few vectors
-- overfits the gallery that it searches, though not the query or what is relevant to it.
seen_too_much(fit, quantizer, gallery, dim) as
    (
        case
            when fit = 'in-sample' then 'what was learnt has seen what is scored'
            when fit = 'cross-fitted' and quantizer not in ('absmax', 'rotated') and gallery < 20 * dim
                then 'a quantizer fits the gallery that it is learnt from where that has fewer than 20 vectors a dimension'
        end
    )
