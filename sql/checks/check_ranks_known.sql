-- Ranks that are NULL in a run that ranks everything, or that lie beyond the lists of one that does not.
select
    ranks.run_id, ranks.query_id, ranks.item_id, ranks.above, ranks.relevants_above,
    runs.list_length
from ranks
inner join runs using (run_id)
where
    (ranks.above is null and runs.list_length is null)
    or (ranks.above is null) <> (ranks.tied is null)
    or ranks.above + ranks.relevants_above >= runs.list_length
