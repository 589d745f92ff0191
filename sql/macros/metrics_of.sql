-- metrics of some pools and K: see pools_of and sums for what `which`, any_c and any_k are.
metrics_of(which, any_c, any_k) as table
with
-- For a cluster's sum s and number n of queries: Σ n, Σ n², and of every measure Σ s, Σ s² and Σ n s.
moments as (
    select
        run_id, protocol, candidates, k, is_chance,
        count(*) as clusters, sum(n) as weight, sum(n * n) as nn,
        {
            'total': sum_known(columns(* exclude (
                run_id, protocol, candidates, k, is_chance, query_id, draw, cluster, n
            ))),
            'squared': sum_known(columns(* exclude (
                run_id, protocol, candidates, k, is_chance, query_id, draw, cluster, n
            )) ** 2),
            'product': sum_known(n * columns(* exclude (
                run_id, protocol, candidates, k, is_chance, query_id, draw, cluster, n
            )))
        } as '\0'
    from sums(which, any_c, any_k)
    group by run_id, protocol, candidates, k, is_chance
),
named as (
    select
        run_id, protocol, candidates, k, measure,
        any_value(clusters) filter (not is_chance) as clusters,
        any_value(weight) filter (not is_chance) as weight,
        any_value(nn) filter (not is_chance) as nn,
        any_value(moment.total) filter (not is_chance) as total,
        any_value(moment.squared) filter (not is_chance) as squared,
        any_value(moment.product) filter (not is_chance) as product,
        any_value(moment.total / weight) filter (is_chance) as chance
    from moments
    unpivot include nulls (moment for measure in (columns(* exclude (
        run_id, protocol, candidates, k, is_chance, clusters, weight, nn
    ))))
    group by run_id, protocol, candidates, k, measure
),
wanted as (
    select named.*, measures.has_k, measures.better
    from named
    inner join measures using (measure)
    where
        measures.of = 'mean'
        and (measures.over_pools or named.protocol = 'full')
        and (measures.has_k or named.k = coalesce(any_k, 1))
    union all by name
    select
        run_id, protocol, candidates, k, measure, true as has_k, 'higher' as better,
        count(*) as clusters, sum(n) as weight, sum(n * n) as nn, sum(s) as total, sum(s * s) as squared,
        sum(n * s) as product, any_value(chance) as chance
    from (
        select run_id, protocol, candidates, k, measure, cluster, chance, count(*) as n, sum(value) as s
        from agreements(any_k)
        where which = 'asked'
        group by all
    )
    group by run_id, protocol, candidates, k, measure
),
estimated as (
    select
        *,
        -- What rounding brings above 1; ranks have no such end.
        case when better = 'higher' and total > weight then 1.0 else total / weight end as value,
        -- Σ (s - n value)².
        squared - 2 * total / weight * product + (total / weight) ** 2 * nn as residual,
        cluster_spread(residual, squared, clusters) as spread,
        -- Of mean_rank: the sum of what ranks lie behind the first.
        total - weight as behind,
        squared - 2 * product + nn as behind_squared,
        score_reach(spread, piece(behind_squared, behind, 1, 0), clusters) as below,
        score_reach(spread, piece(behind_squared, behind, 1, behind), clusters) as above
    from wanted
),
ended as (
    select
        run_id, protocol, candidates, measure, case when has_k then k end as k, value,
        case
            when better = 'lower' then 1 + behind / weight * (behind / (behind + below))
            else share_end(value, spread, weight, clusters, 0)
        end as ci_low,
        case
            when better = 'higher' then share_end(value, spread, weight, clusters, 1)
            when above is not null then least(candidates, value + above / weight)
        end as ci_high,
        chance
    from estimated
    union all by name
    select run_id, 'full' as protocol, candidates, 'median_rank' as measure, value, ci_low, ci_high, chance
    from medians(which)
),
final as (
    select
        ended.run_id, runs.dataset, runs.qrels, runs.model, runs.direction, runs.dim, runs.dim_method,
        runs.precision, runs.quantizer, runs.scorer, runs.variant, ended.protocol, ended.candidates,
        ended.measure, ended.k, ended.value, ended.ci_low, ended.ci_high, ended.chance,
        ended.value / ended.chance as lift, runs.queries,
        case when ended.protocol = 'sampled' then runs.draws end as draws
    from ended
    inner join runs using (run_id)
)
select * from final
