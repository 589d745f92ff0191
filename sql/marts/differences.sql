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
-- Measures as lists, because two sets of columns cannot be paired by name, but places in two lists can.
listed as (
    select
        run_id, protocol, candidates, k, cluster, n,
        list_value(*columns(sums.* exclude (run_id, protocol, candidates, k, cluster, n))) as marks
    from sums
),
places as (
    select list_position(struct_keys(one), alias(columns(one.*))) as '\0'
    from (select * exclude (run_id, protocol, candidates, k, cluster, n) from sums limit 1) as one
),
-- Per cluster, each measure's sum in the run, x, and in its baseline, y.
beside as (
    select
        rivals.run_id, rivals.baseline, mine.protocol, mine.candidates, mine.k, mine.cluster, mine.n,
        {'x': mine.marks[columns(places.*)], 'y': theirs.marks[columns(places.*)]} as '\0'
    from listed as mine
    inner join rivals using (run_id)
    inner join (from listed semi join rivals on rivals.baseline = listed.run_id) as theirs
        on
            theirs.run_id = rivals.baseline
            and theirs.protocol = mine.protocol
            and theirs.candidates is not distinct from mine.candidates
            and theirs.k is not distinct from mine.k
            and theirs.cluster is not distinct from mine.cluster
    cross join places
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
