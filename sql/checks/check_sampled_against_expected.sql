-- Drawn pools further from their exact expectation than chance allows: the pools are not uniformly
-- random, or one of the two is wrong. Compared are every measure of every run, C and K that has drawn
-- pools, and how many competitors above and tied with its last relevant item a query's pool holds.
-- Queries and draws have pools of their own, so that their values are independent, and the closed
-- form gives the mean m of each and its variance: of a share at most m (1 - m), which it is of one
-- relevant item without ties; of a hypergeometric count exactly, and such a count is in law a sum of
-- independent events (Vatutin and Mikhailov, 1982). Bennett's inequality then bounds the odds; with
-- as many tests as there are rows a sound warehouse has less than 1e-6 of a row here.
-- @measure: A measure, or above or tied for the competitors in the pools.
-- @pools: Number of drawn pools compared.
-- @difference: Mean of sampled - expected.
-- @odds: The most probable that chance alone brings it so far; below 1e-6 / the number of tests here.
with
valued as materialized (
    select run_id, protocol, candidates, query_id, measure, k, value
    from values_of('drawn')
    where protocol in ('sampled', 'expected')
),
shares as (
    select
        drawn.run_id, drawn.candidates, drawn.measure, drawn.k,
        drawn.value, exact.value as mean, greatest(mean * (1 - mean), 0) as variance
    from valued as drawn
    inner join valued as exact
        on
            exact.run_id = drawn.run_id
            and exact.candidates = drawn.candidates
            and exact.query_id = drawn.query_id
            and exact.measure = drawn.measure
            and exact.k is not distinct from drawn.k
    where drawn.protocol = 'sampled' and exact.protocol = 'expected'
),
-- One pair a query, for its pool serves all of them.
last_pairs as (
    select
        run_id, query_id, item_id, relevants, above, tied,
        gallery - relevants as m_all
    from ranks
    where above is not null
    qualify row_number() over (partition by run_id, query_id order by above desc, item_id) = 1
),
counts as (
    select
        last_pairs.run_id, sampled_ranks.candidates,
        last_pairs.m_all, sampled_ranks.candidates - last_pairs.relevants as n,
        unnest(['above', 'tied']) as measure,
        unnest([sampled_ranks.above, sampled_ranks.tied]) as value,
        unnest([last_pairs.above, last_pairs.tied]) as b
    from sampled_ranks
    inner join last_pairs using (run_id, query_id, item_id)
),
compared as (
    select run_id, candidates, measure, k, value, mean, variance from shares
    union all
    select
        run_id, candidates, measure, null, value,
        n * b / greatest(m_all, 1),
        n * b / greatest(m_all, 1) * (m_all - b) / greatest(m_all, 1)
        * (m_all - n) / greatest(m_all - 1, 1)
    from counts
),
summed as (
    select
        run_id, candidates, measure, k, count(*) as pools, avg(value - mean) as difference,
        bennett(sum(value - mean), sum(variance)) as odds
    from compared
    where value - mean is not null
    group by run_id, candidates, measure, k
),
final as (
    select * from summed qualify odds * count(*) over () < 1e-6
)
select * from final
