-- Run b against run a in every slice of an attribute (query_slices), by one measure over the whole gallery:
-- `from compare_by('3f0c', '81d2', 'category')`, `… measure_name := 'ndcg', cut := 5)`; NULL instead of a name
-- for every attribute. The columns are those of `compare`, with p_holm over all rows. f and p_differ, the same
-- for all slices of an attribute, test whether they differ at all: whether b - a is the same in all those
-- with two clusters or more.
-- @name: The attribute.
-- @slice: The value of the attribute, or the band of values.
-- @place: By what slices are ordered: the number, or the smallest one of the band.
-- @value_a: The measure of run a.
-- @value_b: The measure of run b.
-- @difference: value_b - value_a.
-- @ci_low: Lower end of the 95% interval of difference.
-- @ci_high: Upper end of the 95% interval of difference.
-- @p: Two-sided p-value of no difference in the slice; NULL with a single cluster.
-- @p_holm: p after Holm's correction for all slices.
-- @f: The slices' variation over what the clusters' variation lets expect; about 1 if they do not differ.
-- @p_differ: p-value of no difference between slices; NULL if there are not two to tell apart.
-- @wins: Queries for which b is better.
-- @losses: Queries for which a is better.
-- @ties: Queries for which neither is better.
-- @queries: Queries of the slice.
-- @clusters: Number of visual items by which the errors are clustered.
-- @unseen: The smallest difference that is detected with 80% power; a smaller one may exist.
create macro compare_by(run_a, run_b, attribute, measure_name := 'recall', cut := 10, in_sample := false) as table
with
alike as (
    select
        comparable(run_a, run_b, 'full', in_sample) as fine, known_attribute(attribute) as named,
        known_measure(measure_name) as measured
),
-- Queries that both runs have, with the values x of run a and y of run b.
beside as (
    select
        runs.dataset, runs.qrels, runs.direction, found.query_id, found.cluster, found.measure, found.k,
        found.better,
        any_value(found.value) filter (starts_with(run_id, run_a)) as x,
        any_value(found.value) filter (starts_with(run_id, run_b)) as y
    from values_of('full', of_runs := [run_a, run_b], held_out := in_sample is distinct from true) as found
    inner join runs using (run_id)
    where found.measure = measure_name and (found.k is null or found.k = cut)
    group by
        runs.dataset, runs.qrels, runs.direction, found.query_id, found.cluster, found.measure, found.k,
        found.better
    having
        count(*) filter (starts_with(run_id, run_a)) > 0 and count(*) filter (starts_with(run_id, run_b)) > 0
),
-- For each slice and cluster, the sums over queries: n of them, d of the differences.
clustered as materialized (
    select
        slices.name, slices.slice, slices.place, beside.measure, beside.k, beside.better, beside.cluster,
        count(*) as n,
        sum_known(x) as total_a,
        sum_known(y) as total_b,
        sum_known(paired_difference(x, y)) as d,
        sum_known((paired_difference(x, y) > 0)::bigint) as more,
        sum_known((paired_difference(x, y) < 0)::bigint) as less
    from beside
    inner join query_slices as slices using (dataset, qrels, direction, query_id)
    where attribute is null or slices.name = attribute
    group by
        slices.name, slices.slice, slices.place, beside.measure, beside.k, beside.better, beside.cluster
),
summed as (
    select
        name, slice, place, measure, k, better,
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
    group by name, slice, place, measure, k, better
),
-- What each cluster adds to the error of a slice's sum.
residuals as materialized (
    select
        name, slice, cluster,
        count(*) over of_slice as clusters,
        sum(n) over of_slice as queries,
        sum(d) over of_slice as total,
        (d - n * total / queries) * sqrt(clusters / (clusters - 1)) as off
    from clustered
    window of_slice as (partition by name, slice)
    qualify clusters > 1
),
-- A slice's error with each other slice with which it shares clusters.
covariances as (
    select
        x.name, x.slice, any_value(x.queries) as n, any_value(y.queries) as m, sum(x.off * y.off) as c,
        x.slice = y.slice as own, any_value(x.clusters) as clusters, any_value(x.total) as total
    from residuals as x
    inner join residuals as y using (name, cluster)
    group by x.name, x.slice, y.slice
),
rows_of as (
    select
        name, slice, any_value(n) as n, any_value(clusters) as clusters, any_value(total) as total, sum(c) as r,
        sum(c) filter (own) as own, sum(c * c / (n * m)) as squared
    from covariances
    group by name, slice
),
varied as (
    select
        name,
        count(*) as slices,
        sum(n) as all_n,
        sum(total ** 2 / n) - sum(total) ** 2 / sum(n) as between,
        sum(own / n) - sum(r) / sum(n) as within,
        sum(squared) - 2 * sum(r * r / n) / sum(n) + (sum(r) / sum(n)) ** 2 as within_squared,
        list({'a': own / n, 'n': n, 'df': clusters - 1}) as parts
    from rows_of
    group by name
),
tested as (
    select
        name, case when slices > 1 and within > 1e-12 then greatest(between, 0) / within end as f,
        f_p(
            f, within ** 2 / within_squared,
            list_sum(list_transform(parts, lambda one: one.a * (1 - one.n / all_n))) ** 2
            / list_sum(list_transform(parts, lambda one: (one.a * (1 - one.n / all_n)) ** 2 / one.df))
        ) as p_differ
    from varied
),
estimated as (
    select
        *,
        case better when 'lower' then less else more end as wins,
        case better when 'lower' then more else less end as losses,
        cluster_spread(dd - 2 * difference * nd + difference * difference * nn, dd, clusters) as spread,
        score_reach(spread, piece(dd, ad, nn / queries, -total), clusters) as below,
        score_reach(spread, piece(dd, ad, nn / queries, total), clusters) as above,
        difference_p(total, spread, piece(dd, ad, nn / queries, 0), clusters) as p,
        unseen(spread, dd, ad, total, clusters, queries, nn / queries) as unseen
    from summed
),
ordered as (
    select *, holm_step(p) as step from estimated
),
final as (
    select
        name, slice, place, measure, k, value_a, value_b, difference,
        difference_end(total, below, queries, better, -1) as ci_low,
        difference_end(total, above, queries, better, 1) as ci_high,
        p, holm_max(step, p) as p_holm, wins, losses, queries - wins - losses as ties, queries, clusters,
        unseen, f, p_differ
    from alike
    -- So that a mistake is reported even if there is no row.
    left join (select * from ordered left join tested using (name)) on true
    where fine and named is not null and measured is not null and slice is not null
    order by name, place nulls last, slice
)
select * from final;

-- The name of a measure whose values are known for single queries, or an error that says which there are.
create macro known_measure(given) as
    (
        select
            case
                when count(*) filter (measure = given) > 0 then given
                else error(
                    'no measure of single queries is called ' || coalesce('''' || given || '''', 'NULL')
                    || '; there are ' || string_agg(measure, ', ' order by measure)
                )
            end
        from measures
        where measures.of <> 'median'
    );
