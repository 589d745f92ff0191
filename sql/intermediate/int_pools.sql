-- Which pools metrics has figures of: every run, protocol and C that was asked for. Earlier versions
-- recorded the sizes of commands that asked for no pools, too: those that no pool can have are left out.
with
asked as (
    select run_id, 'expected' as protocol, unnest(candidates) as candidates
    from runs
    where list_contains(protocols, 'expected')
    union
    select run_id, 'sampled' as protocol, unnest(sampled_candidates) as candidates
    from runs
    where list_contains(protocols, 'sampled')
),
final as (
    select run_id, 'full' as protocol, gallery as candidates
    from runs
    where list_contains(protocols, 'full')
    union all
    select asked.run_id, asked.protocol, asked.candidates
    from asked
    inner join int_pool_bounds
        on
            int_pool_bounds.run_id = asked.run_id
            and asked.candidates between int_pool_bounds.smallest and int_pool_bounds.largest
)
select * from final
