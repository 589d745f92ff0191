-- The same as ranks, with each query scored by what was learnt without it and without what is relevant to
-- it. Only runs whose basis or quantiser was fitted in folds have them.
-- @fold: The fold of the data that the query is in.
-- @cluster: Ordinal of the visual that clusters the query's errors: itself, or its first relevant one.
-- @ideal_gains: The query's judgments in descending order if they are graded; else NULL.
select found.* exclude (filename)
from (
    from read_parquet(
        files_of('held_out_ranks', '/held_out_ranks/run_id=*/*.parquet'),
        hive_partitioning = true, hive_types_autocast = false, union_by_name = true, filename = true
    )
    union all by name
    -- Columns that an older warehouse may lack.
    select null::bigint as case_no, null::bigint as case_pairs, null::bigint as alike
    where false
) as found
semi join (select unnest(files) as file from runs) as committed on committed.file = below_root(found.filename)
