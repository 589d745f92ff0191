-- Run b against run a, query by query, for every measure: `from compare('3f0c', '81d2')`. Ids may
-- be cut short. difference is b - a, its interval and p-value paired by query and clustered by
-- visual item, p_holm the p-value after Holm (1979) over all rows. wins are the queries for which b
-- is the better one. pools := 'expected' or 'sampled' compares over pools instead of the gallery.
-- Its first CTEs stand in for the views of their names in everything that per_query reads.
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
compare(run_a, run_b, pools := 'full') as table
with
runs as (
    select * from main.runs where run_id in (find_run(run_a), find_run(run_b))
),
int_pools as (
    select run_id, 'full' as protocol, gallery as candidates from runs where pools = 'full'
    union all
    select run_id, protocol, candidates
    from main.int_pools
    semi join runs using (run_id)
    where protocol = pools and pools <> 'full'
),
alike as (
    select
        case
            when pools not in ('full', 'expected', 'sampled')
                then error('pools is full, expected or sampled')::bigint
            when count(distinct (dataset, qrels, dataset_fingerprint, direction)) > 1
                then error('the runs differ in data set, judgments or direction, so no query is shared')::bigint
            else 1
        end as fine
    from runs
),
marks as (
    select per_query.*, run_id = find_run(run_a) as is_a, run_id = find_run(run_b) as is_b
    from per_query
    cross join alike
    where fine = 1
),
pairs as (
    select
        x.protocol, x.candidates, x.measure, x.k, x.query_id, x.value as value_a,
        y.value as value_b,
        paired_difference(x.value, y.value) as delta,
        case when x.measure = 'mean_rank' then -delta else delta end as gain
    from marks as x
    inner join marks as y
        on
            x.is_a
            and y.is_b
            and y.protocol = x.protocol
            and y.candidates = x.candidates
            and y.query_id = x.query_id
            and y.measure = x.measure
            and y.draw is not distinct from x.draw
            and y.k is not distinct from x.k
),
clustered as (
    select
        pairs.protocol, pairs.candidates, pairs.measure, pairs.k, int_clusters.cluster,
        count(*) as n,
        sum_known(pairs.value_a) as total_a,
        sum_known(pairs.value_b) as total_b,
        sum_known(pairs.delta) as d,
        sum_known((pairs.gain > 0)::bigint) as wins,
        sum_known((pairs.gain < 0)::bigint) as losses
    from pairs
    inner join (select distinct dataset, qrels, direction from runs) as whose on true
    inner join int_clusters
        on
            int_clusters.dataset = whose.dataset
            and int_clusters.qrels = whose.qrels
            and int_clusters.direction = whose.direction
            and int_clusters.query_id = pairs.query_id
    group by all
),
summed as (
    select
        protocol, candidates, measure, k,
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
    group by protocol, candidates, measure, k
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
        row_number() over (order by p nulls last) as place
    from tested
),
final as (
    select
        protocol, candidates, measure, k, value_a, value_b, difference,
        difference_end(total, below, queries, measure, -1) as ci_low,
        difference_end(total, above, queries, measure, 1) as ci_high,
        p,
        case
            when p is not null
                then max(least(1.0, (tests - place + 1) * p)) over (
                    order by place rows unbounded preceding
                )
        end as p_holm,
        wins, losses, queries - wins - losses as ties, queries, clusters
    from ordered
    order by protocol, candidates, measure, k
)
select * from final
