-- Further judgments of data sets, one row per named set of them (`cmr ingest qrels`).
select * exclude (footers, row_checksum) from catalogue_qrels_sets
