-- Every measure of every single query, under each run, protocol, C, draw and K. Of ranks as they are, as
-- metrics: where fit is in-sample, of a query that the run's basis or quantiser was learnt from.
-- @value: The query's measure, expected over the order inside ties; NULL where a list does not
-- tell it.
select found.* exclude (cluster, better), runs.fit
from values_of('asked') as found
inner join runs using (run_id)
