-- The visual item that a query's errors are clustered by: its own, or its first relevant one.
-- @cluster: A visual's id.
select
    dataset, qrels, direction, query_id,
    case direction when 't2v' then min(item_id) else query_id end as cluster
from judgments
group by dataset, qrels, direction, query_id
