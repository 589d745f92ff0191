-- metrics expected over random pools of any C, at any K, asked for or not:
-- `from metrics_for(1000, 7)`. Runs whose gallery is smaller than C, or with a query that has
-- more than C relevant items, have no row; if that is all of them, it is an error.
-- Its first CTEs stand in for the views of their names in everything that metrics reads.
metrics_for(any_c, any_k) as table
with
int_cutoffs as (
    select run_id, whole_k(any_k) as k from runs
),
limits as (
    select min(smallest) as smallest, max(largest) as largest, count(*) as known
    from int_pool_bounds
),
int_pools as (
    select run_id, 'expected' as protocol, any_c::bigint as candidates
    from int_pool_bounds
    where any_c between smallest and largest and any_c = any_c::bigint
    union all
    select
        error(
            case
                when any_c = any_c::bigint
                    then 'no run can have pools of ' || any_c || ': the smallest that holds every '
                        || 'relevant item has ' || smallest || ', the largest gallery ' || largest
                else 'C must be a whole number'
            end
        )::varchar,
        'expected', any_c::bigint
    from limits
    where
        known > 0
        and not exists (
            from int_pool_bounds
            where any_c between smallest and largest and any_c = any_c::bigint
        )
)
select * from metrics
