-- The distinct cases of int_expected_pairs, spread over the orders inside their tie groups: u
-- competitors and v relevant items of the group come before the item with the probability
-- C(u+v, v) C(T-u+m-1-v, m-1-v) / C(T+m, m), for each v of m equally likely ones.
-- @m_all: Non-relevant gallery items, M.
-- @n: How many of them are drawn.
-- @offset_: Relevant items certainly before.
-- @m: Relevant items that share the score.
-- @b: Competitors before the item, in the gallery.
-- @place: Relevant items before it.
-- @probability: Of this order.
with
cases as (
    select distinct m_all, n, above, tied, offset_, m from int_expected_pairs
),
single as (
    select *, above as b, offset_ as place, 1.0 as probability
    from cases
    where tied = 0 and m = 1
),
steps as (
    select *, unnest(range(0, m)) as v from cases where tied > 0 or m > 1
),
spread as (
    select *, unnest(range(0, tied + 1)) as u from steps
),
final as (
    select * from single
    union all
    select
        m_all, n, above, tied, offset_, m,
        above + u as b,
        offset_ + v as place,
        case
            when m = 1 then 1.0 / (tied + 1)
            else exp(
                ln_choose(u + v, v) + ln_choose(tied - u + m - 1 - v, m - 1 - v)
                - ln_choose(tied + m, m)
            ) / m
        end as probability
    from spread
)
select * from final
