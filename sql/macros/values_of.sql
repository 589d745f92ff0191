-- per_query of some pools: see pools_of and sums for what `which` and of_runs are.
values_of(which, of_runs := null) as table
with
wide as (
    select * exclude (is_chance, n)
    from sums(which, null, null, by_query := true, of_runs := of_runs)
    where not is_chance
),
long as (
    select *
    from wide
    unpivot include nulls (
        value for measure in (columns(* exclude (run_id, protocol, candidates, k, query_id, draw, cluster)))
    )
),
final as (
    select
        long.run_id, long.protocol, long.candidates, long.draw, long.query_id, long.cluster, long.measure,
        case when measures.has_k then long.k end as k, long.value
    from long
    inner join measures using (measure)
    where
        measures.of <> 'median'
        and (measures.over_pools or long.protocol = 'full')
        and (measures.has_k or long.k = 1)
        and (measures.of <> 'lists' or long.value is not null)
)
select * from final
