-- The same as hits, for the queries and vectors of held_out_ranks.
-- @fold: The fold of the data that the query is in.
-- @cluster: Ordinal of the visual that clusters the query's errors: itself, or its first relevant one.
select found.* exclude (filename)
from read_parquet(
    files_of('held_out_hits', '/held_out_hits/run_id=*/*.parquet'),
    hive_partitioning = true, hive_types_autocast = false, union_by_name = true, filename = true
) as found
semi join (select unnest(files) as file from runs) as committed on committed.file = below_root(found.filename)
