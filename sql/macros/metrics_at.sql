-- metrics of every run at any K, whether requested before or not: `from metrics_at(7)`. held_out := true
-- gives the figures of earned_metrics.
metrics_at(any_k, held_out := false) as table
select * from metrics_of('asked', null, whole_k(any_k), held_out := held_out)
