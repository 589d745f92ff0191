-- Candidate pools of a size that the run's pools cannot have, or that was not drawn: a pool holds
-- every relevant item of its query, and no more than the gallery.
-- @found_in: Where it stands: metrics, runs (sampled_candidates) or sampled_ranks.
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
    select named.*, int_pool_bounds.smallest, int_pool_bounds.largest
    from named
    left join int_pool_bounds using (run_id)
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
