-- The lists that go with evidence: held-out lists of runs fitted in folds, ordinary lists of all others.
-- @cluster: Ordinal of the visual that clusters the query's errors: itself, or its first relevant one.
-- @fold: The fold of the data that the query is in; NULL if the run was not fitted in folds.
select hits.*, null::integer as fold
from hits
semi join (from runs where coalesce(folds, 0) = 0) as whole using (run_id)
union all by name
from held_out_hits
