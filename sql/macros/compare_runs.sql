-- Every pair of several runs, query by query, by one measure over the whole gallery:
-- `from compare_runs(['3f0c', '81d2', 'a7e1'])`, `… measure_name := 'ndcg', cut := 5)`. Ids may be
-- cut short. Runs of other data, judgments or directions are not paired. A pair comes once, with
-- the run that is named first as a. What `compare` says of two runs, with p_holm over all rows.
-- Its first CTEs stand in for the views of their names in everything that per_query reads.
-- @run_a: The run that is named first.
-- @run_b: The run that is named later.
-- @representation_a: Dimension, dimension method, precision and variant of run a.
-- @representation_b: Dimension, dimension method, precision and variant of run b.
-- @value_a: The measure of run a.
-- @value_b: The measure of run b.
-- @difference: value_b - value_a.
-- @ci_low: Lower end of the 95% interval of difference.
-- @ci_high: Upper end of the 95% interval of difference.
-- @p: Two-sided p-value of no difference; NULL with one cluster alone.
-- @p_holm: p after Holm's correction for all rows.
-- @wins: Queries for which b is the better one.
-- @losses: Queries for which a is the better one.
-- @ties: Queries for which neither is.
-- @clusters: Number of visual items that the errors are clustered by.
compare_runs(ids, measure_name := 'recall', cut := 10) as table
with
runs as (
    select * from main.runs where len(list_filter(ids, lambda given: starts_with(run_id, given))) > 0
),
int_pools as (
    select run_id, 'full' as protocol, gallery as candidates from runs
),
placed as (
    select
        *,
        concat_ws(', ', concat_ws(' ', dim, dim_method, precision), nullif(variant, ''))
            as representation,
        list_position(list_transform(ids, lambda given: starts_with(run_id, given)), true) as place
    from runs
),
marks as (
    select
        placed.place, placed.run_id, placed.representation, placed.dataset, placed.qrels,
        placed.dataset_fingerprint, placed.direction, per_query.query_id, per_query.measure,
        per_query.k, per_query.value
    from per_query
    inner join placed using (run_id)
    where
        per_query.protocol = 'full'
        and per_query.measure = measure_name
        and (per_query.k is null or per_query.k = cut)
),
pairs as (
    select
        x.dataset, x.qrels, x.direction, x.measure, x.k, x.query_id,
        x.place as place_a, y.place as place_b, x.run_id as run_a, y.run_id as run_b,
        x.representation as representation_a, y.representation as representation_b,
        x.value as value_a, y.value as value_b,
        paired_difference(x.value, y.value) as delta,
        case when x.measure = 'mean_rank' then -delta else delta end as gain
    from marks as x
    inner join marks as y
        on
            y.query_id = x.query_id
            and y.dataset = x.dataset
            and y.qrels = x.qrels
            and y.dataset_fingerprint = x.dataset_fingerprint
            and y.direction = x.direction
            and x.place < y.place
),
clustered as (
    select
        pairs.dataset, pairs.qrels, pairs.direction, pairs.measure, pairs.k,
        pairs.place_a, pairs.place_b, pairs.run_a, pairs.run_b,
        pairs.representation_a, pairs.representation_b, int_clusters.cluster,
        count(*) as n,
        sum_known(pairs.value_a) as total_a,
        sum_known(pairs.value_b) as total_b,
        sum_known(pairs.delta) as d,
        sum_known((pairs.gain > 0)::bigint) as wins,
        sum_known((pairs.gain < 0)::bigint) as losses
    from pairs
    inner join int_clusters using (dataset, qrels, direction, query_id)
    group by all
),
summed as (
    select
        dataset, qrels, direction, measure, k, place_a, place_b, run_a, run_b,
        representation_a, representation_b,
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
        sum_known(wins)::bigint as wins,
        sum_known(losses)::bigint as losses
    from clustered
    group by all
),
estimated as (
    select
        *,
        dd - 2 * difference * nd + difference * difference * nn as residual,
        cluster_spread(residual, dd, clusters) as spread,
        nn / queries as worst,
        score_reach(spread, piece(dd, ad, worst, -total), clusters) as below,
        score_reach(spread, piece(dd, ad, worst, total), clusters) as above
    from summed
),
tested as (
    select *, difference_p(total, spread, piece(dd, ad, worst, 0), clusters) as p
    from estimated
),
ordered as (
    select
        *,
        count(p) over () as tests,
        row_number() over (order by p nulls last, direction, place_a, place_b) as order_of_p
    from tested
),
final as (
    select
        dataset, qrels, direction, run_a, run_b, representation_a, representation_b,
        measure, k, value_a, value_b, difference,
        difference_end(total, below, queries, measure, -1) as ci_low,
        difference_end(total, above, queries, measure, 1) as ci_high,
        p,
        case
            when p is not null
                then max(least(1.0, (tests - order_of_p + 1) * p)) over (
                    order by order_of_p rows unbounded preceding
                )
        end as p_holm,
        wins, losses, queries - wins - losses as ties, queries, clusters
    from ordered
    order by dataset, qrels, direction, place_a, place_b
)
select * from final
