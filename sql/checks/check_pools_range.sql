-- Candidate pools of a size that the run's pools cannot have, or that was not drawn: a pool holds
-- every relevant item of its query, and no more than the gallery.
-- @found_in: Where it stands: metrics, runs (sampled_candidates) or sampled_ranks.
-- @smallest: Largest number of relevant items of a query of the run.
-- @largest: Items of its gallery.
with
drawn as materialized (
    select distinct run_id, candidates from sampled_ranks
),
named as (
    select distinct run_id, 'metrics' as found_in, protocol, candidates from metrics
    union all
    select run_id, 'runs', 'sampled', unnest(sampled_candidates) from runs
    union all
    select run_id, 'sampled_ranks', 'sampled', candidates from drawn
),
final as (
    select named.*, runs.most_relevants as smallest, runs.gallery as largest
    from named
    left join runs using (run_id)
    where
        runs.most_relevants is null
        or named.candidates not between runs.most_relevants and runs.gallery
        or (named.protocol = 'full' and named.candidates <> runs.gallery)
        or (
            named.protocol = 'sampled'
            and (named.run_id, named.candidates) not in (select (run_id, candidates) from drawn)
        )
)
select * from final
