-- The evaluated runs, one row each, with every setting and the environment.
select * from read_parquet(getvariable('cmr_root') || '/runs/*.parquet')
