-- The cases of int_expected_cases, spread over the orders inside their tie groups: u competitors
-- and v relevant items of the group come before the item. Groups with one relevant item and some
-- competitors are not here: int_expected_values has them without spreading.
-- @m_all: Non-relevant gallery items, M.
-- @n: How many of them are drawn.
-- @offset_: Relevant items certainly before.
-- @m: Relevant items that share the score.
-- @u: Competitors of the group before the item.
-- @v: Relevant items of the group before it.
-- @b: Competitors before it, in the gallery.
-- @place: Relevant items before it.
with
cases as (
    select * from int_expected_cases where tied = 0 or m > 1
),
steps as (
    select *, unnest(range(0, m)) as v from cases
),
spread as (
    select *, unnest(range(0, tied + 1)) as u from steps
),
final as (
    select *, above + u as b, offset_ + v as place from spread
)
select * from final
