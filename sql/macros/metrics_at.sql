-- metrics of every run at any K, whether requested before or not: `from metrics_at(7)`. held_out := true
-- gives the figures of earned_metrics.
create macro metrics_at(any_k, held_out := false) as table
select * from metrics_of('asked', null, whole_k(any_k), held_out := held_out);

-- metrics expected over random pools of any C, at any K, whether requested before or not:
-- `from metrics_for(1000, 7)`. Runs whose gallery is smaller than C, or with a query that has more than C
-- relevant items, have no row; if that is true of all runs, it is an error. held_out := true gives the
-- figures on which claims are based, as in earned_metrics.
create macro metrics_for(any_c, any_k, held_out := false) as table
with
limits as (
    select
        case
            when any_c is null or any_c <> any_c::bigint then error('C must be a whole number')::boolean
            when count(*) > 0 and count(*) filter (any_c between most_relevants and gallery) = 0
                then error(
                    'no run can have pools of ' || any_c || ': the smallest that holds every '
                    || 'relevant item has ' || min(most_relevants) || ', the largest gallery ' || max(gallery)
                )::boolean
            else true
        end as there
    from runs
)
select found.*
from metrics_of('any', any_c, whole_k(any_k), held_out := held_out) as found
cross join limits
where limits.there;
