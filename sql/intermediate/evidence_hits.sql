-- The lists that go with evidence: of a run that was fitted in folds its held-out lists, of others theirs.
select hits.*, null::integer as fold
from hits
semi join (from runs where coalesce(folds, 0) = 0) as whole using (run_id)
union all by name
from held_out_hits
