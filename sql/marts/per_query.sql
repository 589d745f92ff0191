-- Every measure of every single query, for each run, protocol, C, draw and K. Ranks are used as they are,
-- as in metrics: if fit is in-sample, the run's basis or quantiser was learnt from the query, too.
-- @value: The query's measure, expected over the order inside ties; NULL if a list does not determine it.
select
    found.* exclude (cluster, better) replace (shown_protocol(found.protocol, runs.grouped) as protocol),
    runs.fit
from values_of('asked') as found
inner join runs using (run_id)
