-- metrics of every run at any K, asked for or not: `from metrics_at(7)`. held_out := true has the
-- figures of earned_metrics.
metrics_at(any_k, held_out := false) as table
select * from metrics_of('asked', null, whole_k(any_k), held_out := held_out)
