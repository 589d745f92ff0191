-- retention in every slice of an attribute (query_slices): `from retention_by('category')`. sure_low holds for
-- all candidates and all slices that are decided upon together; a slice is not if it has too few visual items
-- or its baseline is not clearly above chance, which unearned says.
-- @name: The attribute.
-- @slice: The value of the attribute, or the band of values.
-- @place: By what slices are ordered: the number, or the smallest one of the band.
-- @retention: value / the baseline's.
-- @ci_low: Lower end of the 95% interval of retention.
-- @ci_high: Upper end of the 95% interval of retention.
-- @baseline: The run it is compared with: fp32 at the native dimension, else the finest that is not expanded.
-- @baseline_is: native fp32, or finest available.
-- @baseline_value: The baseline's value.
-- @value: The measure over the queries of the slice, held out as fit says.
-- @difference: value - baseline_value.
-- @fit: How value was obtained: none (nothing was learnt), held out, cross-fitted, or in-sample.
-- @seen: Why the run is not sure of anything, whatever its baseline, in words; NULL if it may be.
-- @looks: Number of candidate runs that could replace the baseline.
-- @slices: Number of slices that are decided upon.
-- @sure_low: Lower bound of retention that holds for all candidates and slices together in 97.5% of samples.
-- @alike_low: What sure_low would be for ranks identical to the baseline's.
-- @unearned: Why the slice is not decided upon, in words; NULL if it is.
-- @queries: Queries of the slice.
-- @clusters: Number of visual items by which the errors are clustered.
create macro retention_by(attribute) as table
with
clustered as materialized (
    select
        found.run_id, found.k, found.is_chance, found.cluster, slices.name, slices.slice, slices.place,
        count(*) as n,
        sum_known(columns(found.* exclude (
            run_id, protocol, candidates, k, is_chance, query_id, draw, cluster, n, measure, value
        ))) as '\0'
    from sums(
        'full', null, null, by_query := true, in_columns := true, held_out := true, with_chance := true,
        only_pools := true
    ) as found
    inner join runs using (run_id)
    inner join query_slices as slices
        on
            slices.dataset = runs.dataset
            and slices.qrels = runs.qrels
            and slices.direction = runs.direction
            and slices.query_id = found.query_id
    where slices.name = known_attribute(attribute)
    group by
        found.run_id, found.k, found.is_chance, found.cluster, slices.name, slices.slice, slices.place
),
sided as (
    select *, case when is_chance then 'chance' else 'run' end as side, run_id as of_run
    from clustered
    union all by name
    select clustered.*, 'base' as side, int_baselines.run_id as of_run
    from clustered
    inner join int_baselines on int_baselines.baseline = clustered.run_id
    where not clustered.is_chance
),
-- Per cluster, each measure's sum in the run, x, in its baseline, y, and by chance, c.
beside as (
    select
        of_run as run_id, k, name, slice, place, cluster, any_value(n) as n,
        {
            'x': any_value(columns(sided.* exclude (
                run_id, k, is_chance, cluster, name, slice, place, n, side, of_run
            ))) filter (side = 'run'),
            'y': any_value(columns(sided.* exclude (
                run_id, k, is_chance, cluster, name, slice, place, n, side, of_run
            ))) filter (side = 'base'),
            'c': any_value(columns(sided.* exclude (
                run_id, k, is_chance, cluster, name, slice, place, n, side, of_run
            ))) filter (side = 'chance')
        } as '\0'
    from sided
    group by of_run, k, name, slice, place, cluster
),
moments as (
    select
        run_id, k, name, slice, place, count(*) as clusters, sum(n) as queries, sum(n * n) as nn,
        {
            'paired': paired_moments(n, columns(beside.* exclude (
                run_id, k, name, slice, place, cluster, n
            ))),
            'by_chance': sum((columns(beside.* exclude (run_id, k, name, slice, place, cluster, n))).c)
        } as '\0'
    from beside
    group by run_id, k, name, slice, place
),
paired as (
    select
        moments.* exclude (moment), int_baselines.baseline, int_baselines.baseline_is, int_baselines.looks,
        measures.has_k, unnest(moments.moment.paired), moments.moment.by_chance
    from (
        select *
        from moments
        unpivot include nulls (
            moment for measure in (columns(* exclude (run_id, k, name, slice, place, clusters, queries, nn)))
        )
    ) as moments
    inner join int_baselines using (run_id)
    inner join measures using (measure)
    where measures.over_pools and (measures.has_k or moments.k = 1)
),
judged as (
    select
        *,
        total / queries as value,
        base / queries as baseline_value,
        by_chance / queries as chance,
        share_end(
            baseline_value,
            cluster_spread(
                yy - 2 * baseline_value * ny + baseline_value * baseline_value * nn, yy, clusters
            ),
            queries, clusters, 0
        ) as baseline_low,
        unearned(
            null, baseline, clusters, baseline_low, baseline_value, chance,
            measure || case when has_k then '@' || k else '' end
        ) as unearned
    from paired
),
counted as (
    select
        *,
        count(*) filter (unearned is null) over (partition by run_id, measure, k) as slices
    from judged
),
reached as (
    select *, unnest(kept_parts(total, base, xx, xy, yy, clusters, looks * greatest(slices, 1)))
    from counted
),
estimated as (
    select *, unnest(kept_reaches(reached)) from reached
),
final as (
    select
        runs.run_id, runs.dataset, runs.qrels, runs.model, runs.direction, runs.dim, runs.dim_method,
        runs.precision, runs.scorer, runs.variant, runs.vector_bytes, runs.evidence_fit as fit,
        seen_too_much(
            runs.evidence_fit, runs.quantizer, runs.scorer_learns, runs.gallery, runs.dim
        ) as seen,
        estimated.name, estimated.slice, estimated.place, estimated.measure,
        case when has_k then estimated.k end as k,
        estimated.value, estimated.baseline, estimated.baseline_is, estimated.baseline_value,
        case when abs(total - base) > 1e-12 * xx then (total - base) / estimated.queries else 0.0 end
            as difference,
        kept as retention, kept * total / (total + below) as ci_low, kept + above / base as ci_high,
        looks, slices, kept * total / (total + below_all) as sure_low, alike_low, estimated.chance,
        estimated.queries::bigint as queries, clusters, estimated.unearned
    from estimated
    inner join runs using (run_id)
)
select * from final;

-- The representation with the fewest bytes that is sure to keep a share of each measure of native fp32 in
-- every slice of an attribute: `from recommend_by('category')`, `… retain := 0.95)`. Sure means that
-- sure_low of retention_by, which holds for all candidates and slices together, is at least that share in
-- every slice that is decided upon; `undecided` says which are not, and why.
-- @name: The attribute.
-- @baseline: The run it is compared with: fp32 at the native dimension, else the finest that is not expanded.
-- @baseline_is: native fp32, or finest available.
-- @worst_slice: The slice of which the representation is least sure.
-- @worst_retention: What it keeps of the baseline's measure in that slice.
-- @worst_low: sure_low of that slice.
-- @slices: Number of slices that are decided upon.
-- @undecided: The slices that are not, with the reason of each.
-- @looks: Number of candidate runs that could replace the baseline.
create macro recommend_by(attribute, retain := 0.99) as table
with
weighed as (
    select
        *,
        coalesce(
            unearned, case when alike_low < retain then too_few(clusters, alike_low, retain) end
        ) as why_not
    from retention_by(attribute)
    where value is not null
),
candidates as (
    select
        dataset, qrels, model, direction, scorer, name, measure, k, run_id, dim, dim_method, precision,
        variant, vector_bytes, any_value(baseline) as baseline, any_value(baseline_is) as baseline_is,
        any_value(looks) as looks,
        count(*) filter (why_not is null) as slices,
        list({'slice': slice, 'why': why_not} order by place nulls last, slice)
            filter (why_not is not null) as undecided,
        arg_min({'slice': slice, 'kept': retention, 'low': sure_low}, sure_low)
            filter (why_not is null) as worst,
        avg(retention) as mean_kept, any_value(seen) as seen
    from weighed
    group by
        dataset, qrels, model, direction, scorer, name, measure, k, run_id, dim, dim_method, precision,
        variant, vector_bytes
),
chosen as (
    select
        dataset, qrels, model, direction, scorer, name, measure, k,
        first({
            'run_id': run_id, 'dim': dim, 'dim_method': dim_method, 'precision': precision,
            'variant': variant, 'vector_bytes': vector_bytes, 'worst': worst
        } order by vector_bytes, round(mean_kept, 10) desc, run_id) filter (
            seen is null and slices > 0 and candidates.worst.low >= retain
        ) as sure,
        min(baseline) as baseline, min(baseline_is) as baseline_is, max(slices) as slices,
        first(undecided order by len(undecided) desc) as undecided, max(looks) as looks
    from candidates
    group by dataset, qrels, model, direction, scorer, name, measure, k
),
final as (
    select
        dataset, qrels, model, direction, scorer, name, measure, k, sure.run_id, sure.dim, sure.dim_method,
        sure.precision, sure.variant, sure.vector_bytes, sure.worst.slice as worst_slice,
        sure.worst.kept as worst_retention, sure.worst.low as worst_low, slices, undecided, looks, baseline,
        baseline_is
    from chosen
    order by dataset, qrels, model, direction, measure, k
)
select * from final;
