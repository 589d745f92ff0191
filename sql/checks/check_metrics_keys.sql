-- Rows of metrics with the same run, protocol, C, measure and K as another.
-- @times: How often the key occurs.
select run_id, protocol, candidates, measure, k, count(*) as times
from metrics
group by run_id, protocol, candidates, measure, k
having count(*) > 1
