-- Why no advice can be based on a measure, in words: no baseline, too few visual items, a baseline that is
-- not clearly above chance, or a fit that has seen what it is scored on. NULL if it can, or if the measure
-- is unknown.
unearned(seen, baseline, clusters, low, value, chance, name) as
    (
        case
            when baseline is null then 'there is no baseline: native fp32 was not evaluated'
            when clusters < fewest_clusters()
                then printf(
                    '%d visual item%s too few: at least %d are needed', clusters::bigint,
                    case when clusters = 1 then ' is' else 's are' end,
                    fewest_clusters()::bigint
                )
            when not clearly_above(low, chance)
                then printf(
                    '%s %.3f of the baseline is not clearly above chance %.3f', name, value, chance
                )
            else seen
        end
    )
