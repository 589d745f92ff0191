-- Unit vectors of clips' frames, one row each, if ingest stored them (--keep-frames).
-- @frame: Position among the chosen frames of the clip, from 0.
-- @time: When it is shown, in seconds from the first frame of the clip.
-- @vector: The frame's vector, of unit length; the clip's vector is their mean.
select found.* exclude (filename)
from read_parquet(
    files_of('frames', '/frames/dataset=*/model=*/*.parquet'),
    hive_partitioning = true, hive_types_autocast = false, union_by_name = true, filename = true
) as found
semi join (select unnest(files) as file from embedding_sets) as committed on committed.file = below_root(found.filename)
