-- The fewest visual items on which advice is based. With fewer, even identical ranks are not sure to keep
-- 88%, and a recall of .6 is known only to ±.18 (docs/method.md).
create macro fewest_clusters() as
    (30);

-- About how many visual items are needed for identical ranks to be sure to keep a share, extrapolated from
-- the lower bound that `clusters` of them give. NULL for all of it, for which no number suffices.
create macro clusters_needed(clusters, low, retain) as
    (
        case
            when retain < 1 then ceil(clusters * (1 / low - 1) / (1 / retain - 1))::bigint
        end
    );

-- Whether a measure is clearly above chance: the lower end of its interval exceeds chance by half of
-- chance, or by half of the distance between chance and 1 if that is less.
create macro clearly_above(low, chance) as
    (low >= chance + 0.5 * least(chance, 1 - chance));

-- That this many visual items cannot be sure of a share, whatever is measured on them, in words; `low` is
-- the lower bound that they give for identical ranks.
create macro too_few(clusters, low, retain) as
    (
        printf(
            '%d visual items are too few to be sure of %.4g%%: even if no query differs, they are '
            || 'sure of at most %.1f%%',
            clusters::bigint, (100 * retain)::double, floor(1000 * low) / 10
        )
        || coalesce(printf('; about %d are needed', clusters_needed(clusters, low, retain)), '')
    );

-- Why a run's own figures are not held out, in words; NULL if they are. Codes learnt from few vectors, by a
-- quantiser or by an engine, overfit the gallery that is searched, though not the query or what is relevant
-- to it.
create macro seen_too_much(fit, quantizer, scorer_learns, gallery, dim) as
    (
        case
            when fit = 'in-sample' then 'what was learnt has seen what is scored'
            when fit = 'cross-fitted' and gallery < 20 * dim and scorer_learns
                then 'an engine fits the gallery that it learns from where that has fewer than 20 vectors a dimension'
            when fit = 'cross-fitted' and quantizer not in ('absmax', 'rotated') and gallery < 20 * dim
                then 'a quantizer fits the gallery that it is learnt from where that has fewer than 20 vectors a dimension'
        end
    );

-- Why no advice can be based on a measure, in words: no baseline, too few visual items, a baseline that is
-- not clearly above chance, or a fit that has seen what it is scored on. NULL if it can, or if the measure
-- is unknown.
create macro unearned(seen, baseline, clusters, low, value, chance, name) as
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
    );
