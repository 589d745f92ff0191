-- How many visual items it takes, about, until ranks that are all the same are sure to keep a share,
-- from the lower end that `clusters` of them give. No number is enough for all: NULL.
clusters_needed(clusters, low, retain) as
    (
        case
            when retain < 1 then ceil(clusters * (1 / low - 1) / (1 / retain - 1))::bigint
        end
    )
