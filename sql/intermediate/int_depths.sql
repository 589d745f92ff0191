-- Every K in use, and how deep it reaches into random pools: from the last item of the largest pool
-- on, all K are worth the same, so what is tabulated ends one place behind it.
-- @depth: K, or one more than the largest pool of the protocol expected.
with
largest as (
    select coalesce(max(candidates), 0) as candidates
    from int_pools
    where protocol = 'expected'
),
final as (
    select distinct int_cutoffs.k, least(int_cutoffs.k, largest.candidates + 1) as depth
    from int_cutoffs
    cross join largest
)
select * from final
