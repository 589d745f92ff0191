-- Candidate pools of a size that the run's pools cannot have, or that was not drawn: a pool contains
-- every relevant item of its query, and at most the whole gallery.
-- @found_in: Where it was found: metrics, runs (sampled_candidates) or sampled_ranks.
-- @smallest: Smallest possible pool: the largest number of relevant items of any query of the run.
-- @largest: Largest possible pool: the number of items in the gallery.
with
sized as materialized (
    select runs.run_id, runs.sampled_candidates, runs.most_relevants, runs.gallery, drawn.sizes
    from runs
    left join (
        select run_id, list(distinct candidates) as sizes from sampled_ranks group by run_id
    ) as drawn using (run_id)
),
named as (
    select distinct run_id, 'metrics' as found_in, plain_protocol(protocol) as protocol, candidates from metrics
    union all
    select run_id, place.found_in, 'sampled', place.candidates
    from (
        select
            run_id,
            unnest(list_concat(
                list_transform(sampled_candidates, lambda c: {'found_in': 'runs', 'candidates': c}),
                list_transform(sizes, lambda c: {'found_in': 'sampled_ranks', 'candidates': c})
            )) as place
        from sized
    )
),
final as (
    select named.*, sized.most_relevants as smallest, sized.gallery as largest
    from named
    left join sized using (run_id)
    where
        sized.most_relevants is null
        or named.candidates not between sized.most_relevants and sized.gallery
        or (named.protocol = 'full' and named.candidates <> sized.gallery)
        or (named.protocol = 'sampled' and not coalesce(list_contains(sized.sizes, named.candidates), false))
)
select * from final
