-- What every representation keeps of a baseline's measures over the whole gallery: what the views retention
-- and across_models show. across := false compares with the baseline of the run's own model; true, where a
-- data set has several models, with the baseline that is best by the measure at that K.
create macro retained(across) as table
with
sums as materialized (
    select * exclude (measure, value, query_id, draw)
    from sums('full', null, null, held_out := true, only_pools := true)
),
-- Of each data set with several models, the sums of the baseline that is best by each measure at each K: of
-- those that are better the higher, as all over pools are. An unknown measure, NaN, is worst.
best as (
    select
        dataset, qrels, dataset_fingerprint, direction, k, cluster,
        min(columns(* exclude (dataset, qrels, dataset_fingerprint, direction, k, cluster))) as '\0'
    from (
        select
            dataset, qrels, dataset_fingerprint, direction, sums.k, sums.cluster,
            {
                'worse': -round(
                    sum(coalesce(columns(sums.* exclude (
                        run_id, protocol, candidates, k, is_chance, cluster, n
                    )), 'nan'::double)) over each / sum(sums.n) over each, 12
                ),
                'run_id': sums.run_id,
                'sum': columns(sums.* exclude (run_id, protocol, candidates, k, is_chance, cluster, n))
            } as '\0'
        from sums
        inner join int_baselines on int_baselines.run_id = sums.run_id
        where
            not sums.is_chance and int_baselines.models > 1 and int_baselines.run_id = int_baselines.baseline
        window each as (partition by sums.run_id, sums.k)
    )
    group by all
),
-- What each run is compared with; across models, it depends on the measure and K.
rivals as materialized (
    select
        run_id, dataset, qrels, dataset_fingerprint, direction,
        case when not across then baseline end as baseline,
        case when across then 'the best model' else baseline_is end as baseline_is,
        case when across then looks_across else looks end as looks
    from int_baselines
    where not is_imported and (not across or models > 1)
),
of_baseline as (
    select
        rivals.run_id, sums.k, sums.cluster, sums.n, true as is_base,
        {
            'run_id': sums.run_id,
            'sum': columns(sums.* exclude (run_id, protocol, candidates, k, is_chance, cluster, n))
        } as '\0'
    from sums
    inner join rivals on rivals.baseline = sums.run_id
    where not sums.is_chance
),
of_best as (
    select
        rivals.run_id, best.k, best.cluster, true as is_base,
        columns(best.* exclude (dataset, qrels, dataset_fingerprint, direction, k, cluster))
    from best
    inner join rivals using (dataset, qrels, dataset_fingerprint, direction)
),
sided as (
    select
        run_id, k, cluster, n, false as is_base,
        {
            'run_id': run_id,
            'sum': columns(sums.* exclude (run_id, protocol, candidates, k, is_chance, cluster, n))
        } as '\0'
    from sums
    where not is_chance
    union all by name
    -- Of the two, only one is planned.
    from query_table(case when across then 'of_best' else 'of_baseline' end)
),
-- Per cluster, each measure's sum in the run, x, and in its baseline, y.
beside as (
    select
        run_id, k, cluster, any_value(n) filter (not is_base) as n,
        {
            'x': any_value(columns(sided.* exclude (run_id, k, cluster, n, is_base)).sum) filter (not is_base),
            'y': any_value(columns(sided.* exclude (run_id, k, cluster, n, is_base)).sum) filter (is_base),
            'baseline': any_value(columns(sided.* exclude (run_id, k, cluster, n, is_base)).run_id)
                filter (is_base)
        } as '\0'
    from sided
    group by run_id, k, cluster
    having count(*) filter (not is_base) > 0
),
moments as (
    select
        run_id, k, count(*) as clusters, sum(n) as queries, sum(n * n) as nn,
        {
            'sums': paired_moments(n, columns(beside.* exclude (run_id, k, cluster, n))),
            'best': any_value(columns(beside.* exclude (run_id, k, cluster, n)).baseline)
        } as '\0'
    from beside
    group by run_id, k
),
paired as (
    select
        moments.run_id, coalesce(rivals.baseline, moment.best) as baseline, rivals.baseline_is,
        rivals.looks, moments.k, moments.measure, moments.clusters, moments.queries, moments.nn,
        measures.has_k, unnest(moments.moment.sums)
    from (
        select *
        from moments
        unpivot include nulls (
            moment for measure in (columns(* exclude (run_id, k, clusters, queries, nn)))
        )
    ) as moments
    inner join rivals using (run_id)
    inner join measures using (measure)
    where measures.over_pools and (measures.has_k or moments.k = 1)
),
chances as (
    select run_id, k, measure, total / n as chance
    from (
        select * exclude (protocol, candidates, is_chance, cluster) from sums where is_chance
    )
    unpivot include nulls (total for measure in (columns(* exclude (run_id, k, n))))
),
reached as (
    select *, unnest(kept_parts(total, base, xx, xy, yy, clusters, looks))
    from paired
),
estimated as (
    select
        *,
        total / queries as value,
        -- Equal values may differ in their last digits, by the order of summation.
        case when abs(total - base) > 1e-12 * xx then (total - base) / queries else 0.0 end
            as difference,
        xx - 2 * value * nx + value * value * nn as own,
        dd - 2 * difference * (nx - ny) + difference * difference * nn as paired_residual,
        unnest(kept_reaches(reached)),
        cluster_spread(own, xx, clusters) as value_spread,
        cluster_spread(
            case when dd <= 1e-24 * xx then 0.0 else paired_residual end, dd, clusters
        ) as difference_spread,
        base / queries as baseline_value,
        yy - 2 * baseline_value * ny + baseline_value * baseline_value * nn as base_residual,
        share_end(
            baseline_value, cluster_spread(base_residual, yy, clusters), queries, clusters, 0
        ) as baseline_low
    from reached
),
final as (
    select
        runs.run_id, runs.dataset, runs.qrels, runs.model, runs.direction, runs.dim,
        runs.dim_method,
        runs.precision, runs.quantizer, runs.scorer, runs.variant, runs.vector_bytes,
        runs.evidence_fit as fit,
        seen_too_much(runs.evidence_fit, runs.quantizer, runs.scorer_learns, runs.gallery, runs.dim) as seen, estimated.measure,
        case when has_k then estimated.k end as k,
        estimated.value,
        share_end(estimated.value, value_spread, estimated.queries, clusters, 0) as value_low,
        share_end(estimated.value, value_spread, estimated.queries, clusters, 1) as value_high,
        estimated.baseline, estimated.baseline_is,
        estimated.baseline_value,
        estimated.difference,
        difference_p(
            estimated.difference * estimated.queries, difference_spread,
            piece(dd, ad, nn / estimated.queries, 0), clusters
        ) as p,
        estimated.kept as retention,
        kept * total / (total + below) as ci_low,
        kept + above / base as ci_high,
        looks, kept * total / (total + below_all) as sure_low,
        unseen(
            difference_spread, dd, ad, estimated.difference * estimated.queries, clusters, estimated.queries,
            nn / estimated.queries
        ) as unseen,
        clusters, estimated.alike_low, chances.chance,
        unearned(
            seen, estimated.baseline, clusters, baseline_low, estimated.baseline_value,
            chances.chance,
            estimated.measure || case when has_k then '@' || estimated.k else '' end
        ) as unearned
    from estimated
    inner join runs using (run_id)
    inner join chances
        on
            chances.run_id = estimated.run_id
            and chances.k = estimated.k
            and chances.measure = estimated.measure
)
select * from final;
