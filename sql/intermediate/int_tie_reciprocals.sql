-- E[1 / rank] of a query's best relevant item in a random pool where it ties with competitors
-- alone: the mean of int_pool_odds' reciprocal over b = above … above + tied, from prefix sums.
-- @m_all: Non-relevant gallery items, M.
-- @n: How many of them are drawn.
-- @reciprocal: The expectation.
with
cases as (
    select distinct m_all, n, above, tied
    from int_expected_cases
    where tied > 0 and m = 1 and offset_ = 0
),
-- C(M-b, n+1) / C(M+1, n+1) falls faster than exp(-b (n+1) / (M+1)): nothing is left at 45.
lengths as (
    select
        m_all, n,
        least(max(above + tied), ceil(45 * (m_all + 1) / (n + 1))::bigint) as longest
    from cases
    group by m_all, n
),
steps as (
    select m_all, n, unnest(range(0, longest + 1)) as b from lengths
),
prefixes as (
    select
        m_all, n, b,
        sum(miss_odds(m_all + 1, b + 1, n + 1) / (b + 1))
            over (partition by m_all, n order by b rows unbounded preceding) as missed
    from steps
),
final as (
    select
        cases.m_all, cases.n, cases.above, cases.tied,
        (cases.m_all + 1) / ((cases.n + 1) * (cases.tied + 1)) * (
            harmonic(cases.above + cases.tied + 1) - harmonic(cases.above)
            - upper_end.missed + coalesce(lower_end.missed, 0.0)
        ) as reciprocal
    from cases
    inner join lengths using (m_all, n)
    inner join prefixes as upper_end
        on
            upper_end.m_all = cases.m_all
            and upper_end.n = cases.n
            and upper_end.b = least(cases.above + cases.tied, lengths.longest)
    left join prefixes as lower_end
        on
            lower_end.m_all = cases.m_all
            and lower_end.n = cases.n
            and lower_end.b = least(cases.above - 1, lengths.longest)
)
select * from final
