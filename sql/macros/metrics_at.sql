-- metrics of every run at any K, asked for or not: `from metrics_at(7)`.
-- Its first CTEs stand in for the views of their names in everything that metrics reads.
metrics_at(any_k) as table
with
int_cutoffs as (
    select run_id, whole_k(any_k) as k from runs
)
select * from metrics
