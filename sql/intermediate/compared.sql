-- Pairs of runs, query by query: what compare and compare_runs show. `ids` may be abbreviated; the run
-- named first is a, and only runs of the same data, judgments and direction are paired. protocol_name is
-- full, expected or sampled; measure_name and cut may be NULL, for all of them. In-sample runs are paired
-- only with each other, unless in_sample requests all ranks as they are.
create macro compared(ids, protocol_name, measure_name, cut, in_sample) as table
with
placed as (
    select
        run_id, dataset, qrels, dataset_fingerprint, direction,
        shown_fit(fit, evidence_fit, protocol_name, in_sample) as fit,
        -- If several ids match a run, the first one; but with two ids, both are sides.
        unnest(list_slice(
            list_filter(range(1, len(ids) + 1), lambda i: starts_with(run_id, ids[i])),
            1, case when len(ids) = 2 then 2 else 1 end
        )) as place,
        case scorer
            when 'imported' then 'imported lists'
            else concat_ws(', ', concat_ws(' ', dim, dim_method, precision), nullif(variant, ''))
        end as representation
    from runs
    where begins_with(run_id, ids)
),
run_pairs as (
    select
        x.dataset, x.qrels, x.direction, x.place as place_a, y.place as place_b,
        x.run_id as run_a, y.run_id as run_b,
        x.representation as representation_a, y.representation as representation_b,
        x.fit as fit_a, y.fit as fit_b
    from placed as x
    inner join placed as y using (dataset, qrels, dataset_fingerprint, direction)
    where x.place < y.place and (in_sample or (x.fit = 'in-sample') = (y.fit = 'in-sample'))
),
marks as (
    select run_id, candidates, draw, query_id, cluster, measure, k, value
    from values_of(protocol_name, of_runs := ids, held_out := in_sample is distinct from true)
    where
        (measure_name is null or measure = measure_name)
        and (cut is null or k is null or k = cut)
),
clustered as (
    select
        run_pairs.run_a, run_pairs.run_b, x.candidates, x.measure, x.k, x.cluster,
        count(*) as n,
        sum_known(x.value) as total_a,
        sum_known(y.value) as total_b,
        sum_known(paired_difference(x.value, y.value)) as d,
        sum_known((paired_difference(x.value, y.value) > 0)::bigint) as more,
        sum_known((paired_difference(x.value, y.value) < 0)::bigint) as less
    from marks as x
    inner join run_pairs on run_pairs.run_a = x.run_id
    inner join marks as y
        on
            y.run_id = run_pairs.run_b
            and y.query_id = x.query_id
            and y.candidates = x.candidates
            and y.measure = x.measure
            and y.k is not distinct from x.k
            and y.draw is not distinct from x.draw
    group by run_pairs.run_a, run_pairs.run_b, x.candidates, x.measure, x.k, x.cluster
),
summed as (
    select
        run_a, run_b, candidates, measure, k,
        count(*) as clusters,
        sum(n)::bigint as queries,
        sum_known(total_a) / sum(n) as value_a,
        sum_known(total_b) / sum(n) as value_b,
        sum_known(d) as total,
        total / sum(n) as difference,
        sum_known(d * d) as dd,
        sum_known(abs(d)) as ad,
        sum_known(n * d) as nd,
        sum(n * n) as nn,
        sum_known(more)::bigint as more,
        sum_known(less)::bigint as less
    from clustered
    group by run_a, run_b, candidates, measure, k
),
estimated as (
    select
        *, protocol_name as protocol,
        case better when 'lower' then less else more end as wins,
        case better when 'lower' then more else less end as losses,
        dd - 2 * difference * nd + difference * difference * nn as residual,
        cluster_spread(residual, dd, clusters) as spread,
        score_reach(spread, piece(dd, ad, nn / queries, -total), clusters) as below,
        score_reach(spread, piece(dd, ad, nn / queries, total), clusters) as above,
        difference_p(total, spread, piece(dd, ad, nn / queries, 0), clusters) as p,
        unseen(spread, dd, ad, total, clusters, queries, nn / queries) as unseen
    from summed
    inner join run_pairs using (run_a, run_b)
    inner join (select measure, better from measures) using (measure)
),
-- Holm's (1979) correction over all rows.
ordered as (
    select *, holm_step(p) as step from estimated
),
final as (
    select
        * exclude (p, step),
        difference_end(total, below, queries, better, -1) as ci_low,
        difference_end(total, above, queries, better, 1) as ci_high,
        p,
        holm_max(step, p) as p_holm,
        queries - wins - losses as ties
    from ordered
)
select * from final;
