-- Rank of each query's first relevant item in the whole gallery, in every run.
-- @rank: From 1, expected over the order inside ties; NULL where a list does not hold it.
-- @average_precision: Mean over the relevant items of precision at their rank; NULL likewise.
select
    int_first_ranks.run_id, runs.dataset, runs.qrels, runs.model, runs.direction, runs.dim,
    runs.dim_method, runs.precision, int_first_ranks.query_id, int_first_ranks.relevants,
    int_first_ranks.first_rank as rank, int_first_ranks.average_precision, runs.gallery,
    runs.list_length
from int_first_ranks
inner join runs using (run_id)
