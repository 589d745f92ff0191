-- The ranks that claims rest on: those of held-out queries where a run has them, else its ranks.
select ranks.*
from ranks
anti join (select run_id from runs where folds > 0) as crossed using (run_id)
union all by name
select * exclude (fold) from held_out_ranks
