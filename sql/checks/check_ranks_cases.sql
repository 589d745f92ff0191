-- Cases that are numbered or counted wrongly: pairs with the same case_no but other counts, a case_pairs that is
-- not the number of a case's pairs, or, where case_no is NULL, an alike by which the clusters do not add up to
-- all of the run's.
-- @found_in: The table that has them.
-- @pairs: How many pairs they are.
with
counted as (
    select 'ranks' as found_in, * exclude (score, gallery), null::bigint as candidates from ranks
    union all by name
    select 'held_out_ranks' as found_in, * exclude (score, gallery, fold) from held_out_ranks
    union all by name
    select 'sampled_ranks' as found_in, * exclude (draw) from sampled_ranks
),
cases as (
    select
        found_in, run_id, candidates, case_no, count(*) as pairs, sum(case_pairs) as stated,
        sum(alike) as alike, sum(alike * (case_no % 1000 + 1)) as alike_numbers,
        sum(case_no % 1000 + 1) as numbers,
        max(above) is not distinct from min(above)
        and max(tied) is not distinct from min(tied)
        and count(above) in (0, count(*))
        and max(relevants_above) = min(relevants_above)
        and max(relevants_tied) is not distinct from min(relevants_tied)
        and max(relevants) = min(relevants)
        and max(relevance) = min(relevance)
        and max(ideal_gains) is not distinct from min(ideal_gains) as is_one
    from counted
    where case_no is not null
    group by found_in, run_id, candidates, case_no
),
final as (
    select found_in, run_id, candidates, case_no, pairs
    from cases
    where stated is distinct from pairs or not is_one
    union all
    select found_in, run_id, candidates, null as case_no, sum(pairs) as pairs
    from cases
    group by found_in, run_id, candidates
    having sum(alike) is distinct from sum(pairs) or sum(alike_numbers) is distinct from sum(numbers)
)
select * from final
