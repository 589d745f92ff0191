-- Which pools metrics has figures of: every run, protocol and C that was asked for.
with
final as (
    select run_id, 'full' as protocol, gallery as candidates
    from runs
    where list_contains(protocols, 'full')
    union
    select run_id, 'expected' as protocol, unnest(candidates) as candidates
    from runs
    where list_contains(protocols, 'expected')
    union
    select run_id, 'sampled' as protocol, unnest(sampled_candidates) as candidates
    from runs
    where list_contains(protocols, 'sampled')
)
select * from final
