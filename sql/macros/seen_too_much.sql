-- Why a run's own figures are not held out, in words; NULL if they are. Codes learnt from few vectors, by a
-- quantiser or by an engine, overfit the gallery that is searched, though not the query or what is relevant
-- to it.
seen_too_much(fit, quantizer, scorer_learns, gallery, dim) as
    (
        case
            when fit = 'in-sample' then 'what was learnt has seen what is scored'
            when fit = 'cross-fitted' and gallery < 20 * dim and scorer_learns
                then 'an engine fits the gallery that it learns from where that has fewer than 20 vectors a dimension'
            when fit = 'cross-fitted' and quantizer not in ('absmax', 'rotated') and gallery < 20 * dim
                then 'a quantizer fits the gallery that it is learnt from where that has fewer than 20 vectors a dimension'
        end
    )
