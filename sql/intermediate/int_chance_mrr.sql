-- What a random ranking expects of the reciprocal rank of the first relevant item.
-- @mrr: The expectation for the pool size and the number of relevant items.
with
cases as (
    select distinct candidates, relevants from int_chance
),
final as (
    select candidates, relevants, reciprocal_chance(relevants, candidates, candidates) as mrr
    from cases
)
select * from final
