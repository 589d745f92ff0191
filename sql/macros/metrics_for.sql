-- metrics expected over random pools of any C, at any K, asked for or not:
-- `from metrics_for(1000, 7)`. Runs whose gallery is smaller than C, or with a query that has
-- more than C relevant items, have no row; if that is all of them, it is an error.
-- Its first CTEs stand in for the views of their names in everything that metrics reads.
metrics_for(any_c, any_k) as table
with
int_cutoffs as (
    select
        run_id,
        case when any_k >= 1 then any_k::bigint else error('K must be 1 or more')::bigint end as k
    from runs
),
reaches as (
    select run_id, max(relevants) as smallest, max(gallery) as largest from ranks group by run_id
),
limits as (
    select min(smallest) as smallest, max(largest) as largest, count(*) as known from reaches
),
int_pools as (
    select run_id, 'expected' as protocol, any_c::bigint as candidates
    from reaches
    where any_c between smallest and largest
    union all
    select
        error(
            'no run can have pools of ' || any_c || ': the smallest that holds every relevant item '
            || 'has ' || smallest || ', the largest gallery ' || largest
        )::varchar,
        'expected', any_c::bigint
    from limits
    where
        known > 0
        and not exists (from reaches where any_c between reaches.smallest and reaches.largest)
)
select * from metrics
