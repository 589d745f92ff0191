-- The stored embedding sets, one row each: a model's vectors of one side at one dimension and precision.
select * from read_parquet(getvariable('cmr_root') || '/embedding_sets/*.parquet')
