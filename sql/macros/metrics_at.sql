-- metrics of every run at any K, asked for or not: `from metrics_at(7)`.
metrics_at(any_k) as table
select * from metrics_of('asked', null, whole_k(any_k))
