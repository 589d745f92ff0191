-- Why a run's own figures are not held out, in words; NULL where they are. A quantiser that is learnt from
-- few vectors fits the gallery that it searches, though not the query nor what is relevant to it.
seen_too_much(fit, quantizer, gallery, dim) as
    (
        case
            when fit = 'in-sample' then 'what was learnt has seen what is scored'
            when fit = 'cross-fitted' and quantizer not in ('absmax', 'rotated') and gallery < 20 * dim
                then 'a quantizer fits the gallery that it is learnt from where that has fewer than 20 vectors a dimension'
        end
    )
