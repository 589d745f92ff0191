-- The data sets, one row each: what was ingested and how much of it.
select * exclude (footers, row_checksum) from catalogue_datasets
