-- The orders of int_expected_orders with their probability: the item's place in its group of T + m
-- is uniform, and of the m - 1 other relevant items v are among the u + v before it.
-- @m_all: Non-relevant gallery items, M.
-- @n: How many of them are drawn.
-- @offset_: Relevant items certainly before.
-- @m: Relevant items that share the score.
-- @b: Competitors before the item, in the gallery.
-- @place: Relevant items before it.
-- @probability: C(m-1, v) C(T, u) / C(T+m-1, u+v) / (T+m).
with
orders as (
    select
        m_all, n, above, tied, offset_, m, b, place, v,
        tied + m as size,
        tied + m - 1 as others,
        m - 1 as mates,
        u + v as before,
        v - (m - 1) * (u + v) / greatest(tied + m - 1, 1) as excess
    from int_expected_orders
),
final as (
    select
        m_all, n, above, tied, offset_, m, b, place,
        case
            when size = 1 then 1.0
            when tied = 0 then 1.0 / m
            else pool_odds(others, mates, before, v, excess) / size
        end as probability
    from orders
)
select * from final
