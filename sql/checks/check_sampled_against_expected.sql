-- Drawn pools further from their exact expectation than chance allows: the pools are not uniformly
-- random, or one of the two is wrong. Compared are every measure of every run, C and K that has drawn
-- pools, and how many competitors a query's pool has above and tied with its last relevant item. Every
-- query and draw has its own pool, so the values are independent, and the closed form gives each one's
-- mean m and variance: for a share at most m (1 - m), with equality for a single relevant item without
-- ties; for a hypergeometric count exactly, and such a count is distributed as a sum of independent
-- events (Vatutin and Mikhailov, 1982). Bennett's inequality then bounds the probability, which is
-- corrected for the number of tests: an intact warehouse has a row here with probability below 1e-6.
-- @measure: A measure, or above or tied for the competitors in the pools.
-- @pools: Number of drawn pools compared.
-- @difference: Mean of sampled - expected.
-- @odds: Upper bound of the probability that chance alone deviates this far; below 1e-6 / number of tests.
with
valued as (
    select
        run_id, protocol, candidates, k, query_id,
        up_to_one(columns(found.* exclude (
            run_id, protocol, candidates, k, query_id, draw, cluster, is_chance, n, measure, value
        ))) as '\0'
    from sums('drawn', null, null, by_query := true, in_columns := true) as found
),
-- Per query and measure: the expected value m, and the number n and sum s of the drawn values.
beside as (
    select
        run_id, candidates, k,
        {
            'm': any_value(columns(valued.* exclude (run_id, protocol, candidates, k, query_id)))
                filter (protocol = 'expected'),
            'n': count(columns(valued.* exclude (run_id, protocol, candidates, k, query_id)))
                filter (protocol = 'sampled'),
            's': sum(columns(valued.* exclude (run_id, protocol, candidates, k, query_id)))
                filter (protocol = 'sampled')
        } as '\0'
    from valued
    group by run_id, candidates, k, query_id
),
moments as (
    select run_id, candidates, k, drawn_moments(columns(beside.* exclude (run_id, candidates, k))) as '\0'
    from beside
    group by run_id, candidates, k
),
shares as (
    select
        found.run_id, found.candidates, found.measure, case when measures.has_k then found.k end as k,
        unnest(found.moment)
    from (
        select *
        from moments
        unpivot (moment for measure in (columns(* exclude (run_id, candidates, k))))
    ) as found
    inner join measures using (measure)
    where measures.over_pools and (measures.has_k or found.k = 1)
),
-- One pair per query, because all its pairs share the pool.
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
competitors as (
    select
        run_id, candidates, measure, null::bigint as k, count(*) as pools,
        sum(value - n * b / greatest(m_all, 1)) as off,
        sum(
            n * b / greatest(m_all, 1) * (m_all - b) / greatest(m_all, 1)
            * (m_all - n) / greatest(m_all - 1, 1)
        ) as variance
    from counts
    where value is not null and b is not null
    group by run_id, candidates, measure
),
summed as (
    select
        run_id, candidates, measure, k, pools, off / pools as difference, bennett(off, variance) as odds
    from (
        select * from shares
        union all by name
        select * from competitors
    )
    where pools > 0
),
final as (
    select * from summed qualify odds * count(*) over () < 1e-6
)
select * from final
