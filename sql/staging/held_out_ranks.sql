-- The same as ranks, of each query scored by what was learnt without it and what is relevant to it.
-- Only runs have them whose basis or quantiser was fitted anew in folds.
-- @fold: The part of the data that the query is in.
-- @cluster: Ordinal of the visual that the query's errors are clustered by: itself, or its first relevant one.
-- @ideal_gains: The query's judgments from the highest on, where they are graded; else NULL.
select found.* exclude (filename)
from read_parquet(
    files_of('held_out_ranks', '/held_out_ranks/run_id=*/*.parquet'),
    hive_partitioning = true, hive_types_autocast = false, union_by_name = true, filename = true
) as found
semi join (select unnest(files) as file from runs) as committed on committed.file = below_root(found.filename)
