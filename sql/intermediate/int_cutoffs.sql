-- The cut-offs K of every run, one row each.
select run_id, unnest(list_distinct(list_concat([1, 5, 10], ks))) as k from runs
