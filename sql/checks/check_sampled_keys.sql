-- Pairs that a run has twice for the same C and draw.
-- @times: How often the key occurs.
select run_id, candidates, draw, query_id, item_id, count(*) as times
from sampled_ranks
group by run_id, candidates, draw, query_id, item_id
having count(*) > 1
