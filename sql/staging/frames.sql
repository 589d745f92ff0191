-- Unit vectors of clips' frames, one row each, where ingest was told to keep them (--keep-frames).
-- @frame: Place among the chosen frames of the clip, from 0.
-- @time: When it is shown, in seconds from the first frame of the clip.
-- @vector: The frame's vector, of unit length; the clip's is their mean.
with
committed as (
    select unnest(files) as file from embedding_sets
),
source as (
    select *
    from read_parquet(
        coalesce(
            getvariable('cmr_frames'), [getvariable('cmr_root') || '/frames/dataset=*/model=*/*.parquet']
        ),
        hive_partitioning = true, hive_types = {'dataset': varchar, 'model': varchar}, union_by_name = true, filename = true
    )
),
final as (
    select source.* exclude (filename)
    from source
    semi join committed
        on substr(source.filename, length(getvariable('cmr_root')) + 2) = committed.file
)
select * from final
