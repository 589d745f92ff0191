-- The data sets, one row each: what was ingested, and how much.
select * exclude (footers, row_checksum) from catalogue_datasets
