-- The sizes C that a run's pools can have: a pool holds every relevant item of its query, and no more
-- than the gallery. Of all queries of a run, also where fewer of its ranks are looked at.
-- @smallest: Largest number of relevant items of a query.
-- @largest: Items of the gallery.
select run_id, max(relevants) as smallest, max(gallery) as largest
from main.ranks
group by run_id
