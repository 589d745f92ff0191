-- Further judgments, one row per pair, each for the queries of one direction, or of both.
-- @direction: t2v, v2t, or both where the rows are read from either side.
with
committed as (
    select unnest(files) as file from qrels_sets
),
source as (
    select *
    from read_parquet(
        coalesce(
            getvariable('cmr_extra_qrels'), [getvariable('cmr_root') || '/extra_qrels/dataset=*/qrels=*/*.parquet']
        ),
        hive_partitioning = true, hive_types = {'dataset': varchar, 'qrels': varchar}, union_by_name = true, filename = true
    )
),
final as (
    select source.* exclude (filename)
    from source
    semi join committed
        on substr(source.filename, length(getvariable('cmr_root')) + 2) = committed.file
)
select * from final
