-- Cases that are numbered or counted wrongly: pairs with the same case_no but other counts, a case_pairs that is
-- not the number of a case's pairs, or an alike by which the first of the clusters that are alike do not stand for
-- as many.
-- @found_in: The table that has them.
-- @pairs: How many pairs have the number.
-- @stated: How many they are by case_pairs.
-- @stood_for: How many they are by alike.
with
counted as (
    select
        found_in, run_id, candidates, case_no, case_pairs, alike,
        hash(relevance, above, tied, relevants_above, relevants_tied, relevants, ideal_gains) as counts
    from (
        select 'ranks' as found_in, * from ranks
        union all by name
        select 'held_out_ranks' as found_in, * from held_out_ranks
        union all by name
        select 'sampled_ranks' as found_in, * from sampled_ranks
    )
    where case_no is not null
),
final as (
    select
        found_in, run_id, candidates, case_no, count(*) as pairs, sum(case_pairs)::bigint as stated,
        sum(alike)::bigint as stood_for
    from counted
    group by found_in, run_id, candidates, case_no
    having
        stated is distinct from pairs
        or stood_for is distinct from pairs
        or min(counts) <> max(counts)
)
select * from final
