-- The sizes C that a run's pools can have: a pool holds every relevant item of its query, and no more
-- than the gallery.
-- @smallest: Largest number of relevant items of a query.
-- @largest: Items of the gallery.
select run_id, most_relevants as smallest, gallery as largest from runs where most_relevants is not null
union all
-- Of the runs of earlier versions.
select ranks.run_id, max(ranks.relevants), max(ranks.gallery)
from ranks
inner join runs using (run_id)
where runs.most_relevants is null
group by ranks.run_id
