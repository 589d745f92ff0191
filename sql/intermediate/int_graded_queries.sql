-- Queries whose judgments are graded: their ideal DCG is their own.
select distinct dataset, qrels, direction, query_id from int_ideals
