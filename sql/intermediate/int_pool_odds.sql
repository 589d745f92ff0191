-- With b competitors before an item, how many of them a random pool holds: hypergeometric.
-- @m_all: Non-relevant gallery items, M.
-- @n: How many of them are drawn.
-- @b: Competitors before the item, in the gallery.
-- @odds: P(X = 0), P(X = 1), … below the largest K in use.
-- @reciprocal: E[1 / (1 + X)] = (M+1) / ((b+1)(n+1)) (1 - C(M-b, n+1) / C(M+1, n+1)).
with
depth as (
    select max(k) as k from int_cutoffs
),
cases as (
    select distinct m_all, n, b from int_expected_points
),
final as (
    select
        m_all, n, b,
        list_transform(
            range(0, least(depth.k, b + 1, n + 1)),
            lambda x: coalesce(
                exp(ln_choose(b, x) + ln_choose(m_all - b, n - x) - ln_choose(m_all, n)), 0.0
            )
        ) as odds,
        (m_all + 1) / ((b + 1) * (n + 1)) * (1 - choose_ratio(m_all - b, m_all + 1, n + 1))
            as reciprocal
    from cases
    cross join depth
)
select * from final
