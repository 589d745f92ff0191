-- per_query for some pools; see pools_of and sums for `which` and of_runs.
create macro values_of(which, of_runs := null, held_out := false) as table
select
    found.run_id, found.protocol, found.candidates, found.draw, found.query_id, found.cluster, found.measure,
    case when measures.has_k then found.k end as k,
    -- Values that rounding keeps from 1.
    case when measures.better = 'higher' and abs(found.value - 1) <= 1e-12 then 1.0 else found.value end as value,
    measures.better
from sums(which, null, null, by_query := true, of_runs := of_runs, held_out := held_out) as found
inner join measures using (measure)
where measures.of <> 'lists' or found.value is not null;
