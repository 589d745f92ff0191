-- Candidate pools of a size that the run's pools cannot have, or that was not drawn: a pool holds
-- every relevant item of its query, and no more than the gallery.
-- @found_in: Where it stands: metrics, runs (sampled_candidates) or sampled_ranks.
-- @smallest: Largest number of relevant items of a query of the run.
-- @largest: Items of its gallery.
with
named as (
    select distinct run_id, 'metrics' as found_in, protocol, candidates from metrics
    union all
    select run_id, 'runs', 'sampled', unnest(sampled_candidates) from runs
    union all
    select distinct run_id, 'sampled_ranks', 'sampled', candidates from sampled_ranks
),
drawn as (
    select distinct run_id, candidates from sampled_ranks
),
bounded as (
    select named.*, runs.most_relevants as smallest, runs.gallery as largest
    from named
    left join runs using (run_id)
),
final as (
    select bounded.*
    from bounded
    left join drawn using (run_id, candidates)
    where
        smallest is null
        or candidates not between smallest and largest
        or (protocol = 'full' and candidates <> largest)
        or (protocol = 'sampled' and drawn.run_id is null)
)
select * from final
