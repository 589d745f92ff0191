-- Measures whose mean over drawn pools is further from its exact expectation than chance allows:
-- the pools are not uniformly random, or one of the two is wrong.
-- @z: Mean difference by query / its standard error; beyond 5 in size here.
-- @pools: Number of drawn pools compared.
-- @difference: Mean of sampled - expected.
with
drawn as (
    select run_id, candidates, query_id, measure, k, value from per_query where protocol = 'sampled'
),
exact as (
    select run_id, candidates, query_id, measure, k, value from per_query where protocol = 'expected'
),
compared as (
    select drawn.run_id, drawn.candidates, drawn.measure, drawn.k, drawn.value - exact.value as d
    from drawn
    inner join exact
        on
            exact.run_id = drawn.run_id
            and exact.candidates = drawn.candidates
            and exact.query_id = drawn.query_id
            and exact.measure = drawn.measure
            and exact.k is not distinct from drawn.k
),
final as (
    select
        run_id, candidates, measure, k, count(*) as pools, avg(d) as difference,
        sum(d) / sqrt(sum(d * d)) as z
    from compared
    group by run_id, candidates, measure, k
    having sum(d * d) > 1e-18 and abs(sum(d) / sqrt(sum(d * d))) > 5
)
select * from final
