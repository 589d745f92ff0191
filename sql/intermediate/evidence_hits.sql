-- The lists that go with evidence: held-out lists of runs fitted in folds, ordinary lists of all others.
select hits.*, null::integer as fold
from hits
semi join (from runs where coalesce(folds, 0) = 0) as whole using (run_id)
union all by name
from held_out_hits
