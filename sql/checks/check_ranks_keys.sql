-- Pairs that a run has twice.
-- @times: How often the key occurs.
select run_id, query_id, item_id, count(*) as times
from ranks
group by run_id, query_id, item_id
having count(*) > 1
