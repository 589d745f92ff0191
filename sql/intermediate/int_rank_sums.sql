-- map, mean_rank and median_rank over the whole gallery, with the sums that clustered errors need
-- (see int_sums). A median has none.
-- @clusters: Number of visual items that have a query.
-- @weight: Number of queries.
-- @nn: Σ n², n the number of queries of a cluster.
-- @total: Σ s, s the sum of a cluster's values; for a median, the median times the weight.
-- @squared: Σ s².
-- @product: Σ n s.
with
chanced as (
    select
        *,
        case when candidates = 1 then 0.0 else (relevants - 1) / (candidates - 1) end as slope,
        (candidates + 1) / (relevants + 1) as rank_chance
    from int_first_ranks
),
by_cluster as (
    select
        run_id, candidates, cluster,
        count(*) as n,
        sum_known(average_precision) as precisions,
        sum_known(first_rank) as ranks,
        sum((1 - slope) * harmonic(candidates) / candidates + slope) as precision_chance,
        sum(rank_chance) as rank_chance
    from chanced
    group by run_id, candidates, cluster
),
medians as (
    select
        run_id, candidates,
        case when count(first_rank) = count(*) then median(first_rank) end as value,
        median(rank_chance) as chance
    from chanced
    group by run_id, candidates
),
means as (
    select
        run_id, candidates, count(*) as clusters, sum(n) as weight, sum(n * n) as nn,
        unnest(['map', 'mean_rank']) as measure,
        unnest([sum_known(precisions), sum_known(ranks)]) as total,
        unnest([sum_known(precisions * precisions), sum_known(ranks * ranks)]) as squared,
        unnest([sum_known(n * precisions), sum_known(n * ranks)]) as product,
        unnest([sum(precision_chance), sum(rank_chance)]) / sum(n) as chance
    from by_cluster
    group by run_id, candidates
),
final as (
    select
        run_id, 'full' as protocol, candidates, measure, clusters, weight, nn, total, squared,
        product, chance
    from means
    union all
    select
        run_id, 'full', candidates, 'median_rank', clusters, weight, null, medians.value * weight,
        null, null, medians.chance
    from medians
    inner join means using (run_id, candidates)
    where means.measure = 'map'
)
select * from final
