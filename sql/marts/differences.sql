-- What every representation gains or loses against its baseline in every protocol, C, measure and K that both
-- were evaluated for: the paired difference, with its 95% interval clustered by visual item, as `compare`
-- computes it. What is learnt from vectors is compared on queries that it was learnt without; in drawn pools,
-- which have no held-out ranks, as it is, which `compare` does only if in_sample := true.
-- @baseline: The run it is compared with: fp32 at the native dimension, else the finest that is not expanded.
-- @value: The measure of the run.
-- @baseline_value: The baseline's value.
-- @difference: value - baseline_value.
-- @difference_low: Lower end of the 95% interval of difference.
-- @difference_high: Upper end of the 95% interval of difference.
-- @queries: Number of queries; each draw of a sampled pool counts.
-- @clusters: Number of visual items by which the errors are clustered.
with
rivals as (
    select run_id, baseline from int_baselines where not is_imported and baseline is not null
),
sums as materialized (
    select * exclude (measure, value, query_id, draw, is_chance)
    from sums('asked', null, null, held_out := true)
    where not is_chance
),
sided as (
    select rivals.baseline, sums.*, false as is_base
    from sums
    inner join rivals using (run_id)
    union all by name
    select rivals.baseline, rivals.run_id, sums.* exclude (run_id), true as is_base
    from sums
    inner join rivals on rivals.baseline = sums.run_id
),
-- Per cluster, each measure's sum in the run, x, and in its baseline, y.
beside as (
    select
        run_id, baseline, protocol, candidates, k, cluster, any_value(n) as n,
        {
            'x': any_value(columns(sided.* exclude (
                run_id, baseline, protocol, candidates, k, cluster, n, is_base
            ))) filter (not is_base),
            'y': any_value(columns(sided.* exclude (
                run_id, baseline, protocol, candidates, k, cluster, n, is_base
            ))) filter (is_base)
        } as '\0'
    from sided
    group by run_id, baseline, protocol, candidates, k, cluster
    having bool_or(is_base) and not bool_and(is_base)
),
moments as (
    select
        run_id, baseline, protocol, candidates, k, count(*) as clusters, sum(n)::bigint as queries,
        sum(n * n) as nn,
        paired_moments(n, columns(beside.* exclude (run_id, baseline, protocol, candidates, k, cluster, n)))
            as '\0'
    from beside
    group by run_id, baseline, protocol, candidates, k
),
paired as (
    select
        moments.* exclude (moment, k), case when measures.has_k then moments.k end as k, measures.better,
        unnest(moments.moment)
    from (
        select *
        from moments
        unpivot include nulls (
            moment for measure in (
                columns(* exclude (run_id, baseline, protocol, candidates, k, clusters, queries, nn))
            )
        )
    ) as moments
    inner join measures using (measure)
    where known_here(measures, moments, null)
),
estimated as (
    select
        *,
        -- Equal values may differ in their last digits, by the order of summation.
        case when abs(total - base) > 1e-12 * xx then total - base else 0.0 end as moved,
        moved / queries as difference,
        cluster_spread(
            case
                when dd <= 1e-24 * xx then 0.0
                else dd - 2 * difference * (nx - ny) + difference * difference * nn
            end,
            dd, clusters
        ) as spread,
        score_reach(spread, piece(dd, ad, nn / queries, -moved), clusters) as below,
        score_reach(spread, piece(dd, ad, nn / queries, moved), clusters) as above
    from paired
),
final as (
    select
        run_id, baseline, shown_protocol(protocol, runs.grouped) as protocol, candidates, measure, k,
        total / estimated.queries as value, base / estimated.queries as baseline_value, difference,
        difference_end(moved, below, estimated.queries, better, -1) as difference_low,
        difference_end(moved, above, estimated.queries, better, 1) as difference_high,
        estimated.queries, clusters
    from estimated
    inner join (select run_id, "grouped" from runs) as runs using (run_id)
)
select * from final
