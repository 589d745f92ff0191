-- What a random ranking expects of the reciprocal rank: Σ (1/r) C(C-r, R-1) / C(C, R).
-- @mrr: The expectation for the pool size and the number of relevant items.
with
cases as (
    select distinct candidates, relevants from int_chance
),
alone as (
    select candidates, relevants, harmonic(candidates) / candidates as mrr
    from cases
    where relevants = 1
),
several as (
    select
        candidates, relevants,
        list_sum(list_transform(
            range(1, candidates - relevants + 2),
            lambda r: miss_odds(candidates - 1, relevants - 1, r - 1)
                * relevants / (candidates * r)
        )) as mrr
    from cases
    where relevants > 1
),
final as (
    select * from alone
    union all
    select * from several
)
select * from final
