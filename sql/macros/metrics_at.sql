-- metrics of every run at any K, asked for or not: `from metrics_at(7)`.
-- Its first CTEs stand in for the views of their names in everything that metrics reads.
metrics_at(any_k) as table
with
int_cutoffs as (
    select
        run_id,
        case when any_k >= 1 then any_k::bigint else error('K must be 1 or more')::bigint end as k
    from runs
)
select * from metrics
