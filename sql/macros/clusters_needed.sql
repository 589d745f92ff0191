-- About how many visual items are needed for identical ranks to be sure to keep a share, extrapolated from
-- the lower bound that `clusters` of them give. NULL for all of it, for which no number suffices.
clusters_needed(clusters, low, retain) as
    (
        case
            when retain < 1 then ceil(clusters * (1 / low - 1) / (1 / retain - 1))::bigint
        end
    )
