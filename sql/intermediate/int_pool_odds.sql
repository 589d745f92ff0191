-- With b competitors before an item, how many of them a random pool holds: hypergeometric.
-- For an item that ties with T competitors and no relevant item, b is above + u for u = 0 … T,
-- and the odds summed over b' <= b are (M+1)/(n+1) P(Y > x), Y ~ Hypergeometric(M+1, b+1, n+1):
-- hence the rows of M + 1 items and n + 1 draws, at both ends of the group.
-- @m_all: Items that are drawn from: M, or M + 1.
-- @n: How many are drawn.
-- @b: How many of them count as before.
-- @odds: P(X = 0), P(X = 1), … below the largest depth in use.
with
depth as (
    select max(depth) as k from int_depths
),
ties as (
    select m_all + 1 as m_all, n + 1 as n, unnest([above, above + tied + 1]) as b
    from int_expected_cases
    where tied > 0 and m = 1
),
cases as (
    select m_all, n, b from int_expected_orders
    union
    select m_all, n, b from ties
),
steps as (
    select cases.*, unnest(range(0, depth.k)) as x from cases cross join depth
),
spaced as (
    select *, x - b * n / greatest(m_all, 1) as excess from steps
),
final as (
    select m_all, n, b, list(pool_odds(m_all, b, n, x, excess) order by x) as odds
    from spaced
    group by m_all, n, b
)
select * from final
