-- Pairs of runs, query by query: what compare and compare_runs show. `ids` may be cut short; a pair has the
-- one that is named first as a, and only runs of the same data, judgments and direction are paired.
-- protocol_name is full, expected or sampled; measure_name and cut may be NULL, for all of them.
compared(ids, protocol_name, measure_name, cut) as table
with
placed as (
    select
        *, list_position(list_transform(ids, lambda given: starts_with(run_id, given)), true) as place,
        concat_ws(', ', concat_ws(' ', dim, dim_method, precision), nullif(variant, '')) as representation
    from runs
    where begins_with(run_id, ids)
),
marks as (
    select
        placed.place, placed.run_id, placed.representation, placed.dataset, placed.qrels,
        placed.dataset_fingerprint, placed.direction, found.* exclude (run_id)
    from values_of(protocol_name, of_runs := ids) as found
    inner join placed using (run_id)
    where
        found.protocol = protocol_name
        and (measure_name is null or found.measure = measure_name)
        and (cut is null or found.k is null or found.k = cut)
),
pairs as (
    select
        x.dataset, x.qrels, x.direction, x.protocol, x.candidates, x.measure, x.k, x.cluster,
        x.place as place_a, y.place as place_b, x.run_id as run_a, y.run_id as run_b,
        x.better, x.representation as representation_a, y.representation as representation_b,
        x.value as value_a, y.value as value_b,
        paired_difference(x.value, y.value) as delta,
        case x.better when 'lower' then -delta else delta end as gain
    from marks as x
    inner join marks as y
        on
            y.query_id = x.query_id
            and y.dataset = x.dataset
            and y.qrels = x.qrels
            and y.dataset_fingerprint = x.dataset_fingerprint
            and y.direction = x.direction
            and y.protocol = x.protocol
            and y.candidates = x.candidates
            and y.measure = x.measure
            and y.k is not distinct from x.k
            and y.draw is not distinct from x.draw
            and x.place < y.place
),
clustered as (
    select
        * exclude (value_a, value_b, delta, gain),
        count(*) as n,
        sum_known(value_a) as total_a,
        sum_known(value_b) as total_b,
        sum_known(delta) as d,
        sum_known((gain > 0)::bigint) as wins,
        sum_known((gain < 0)::bigint) as losses
    from pairs
    group by all
),
summed as (
    select
        * exclude (cluster, n, total_a, total_b, d, wins, losses),
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
        score_reach(spread, piece(dd, ad, 1, -total), clusters) as below,
        score_reach(spread, piece(dd, ad, 1, total), clusters) as above,
        difference_p(total, spread, piece(dd, ad, 1, 0), clusters) as p
    from summed
),
-- Holm's (1979) correction for all rows.
ordered as (
    select
        *,
        count(p) over () as tests,
        row_number() over (order by p nulls last, direction, place_a, place_b) as order_of_p
    from estimated
),
final as (
    select
        * exclude (p),
        difference_end(total, below, queries, better, -1) as ci_low,
        difference_end(total, above, queries, better, 1) as ci_high,
        p,
        case
            when p is not null
                then max(least(1.0, (tests - order_of_p + 1) * p)) over (
                    order by order_of_p rows unbounded preceding
                )
        end as p_holm,
        queries - wins - losses as ties
    from ordered
)
select * from final
