-- What a rank is worth, for an item with `place` relevant items before it: lists over the number
-- x = 0, 1, … of competitors before it, as long as those of int_pool_odds.
-- @place: Relevant items before the item.
-- @inside: 1 where its rank place + x + 1 is K or less, else 0.
-- @discount: 1 / log2(rank + 1) there, else 0.
-- @reciprocal: 1 / rank there, else 0.
-- @inside_tail: Sum of inside from x on.
-- @discount_tail: Sum of discount from x on.
-- @reciprocal_tail: Sum of reciprocal from x on.
with
depth as (
    -- No pool holds more, nor one drawn for the ends of a tie group.
    select least(max(k), (select max(n) + 2 from int_expected_cases)) as k from int_cutoffs
),
places as (
    select unnest(range(0, max(offset_ + m))) as place from int_expected_cases
),
-- What lies beyond the deepest competitor is worth nothing, and a K as far need not be summed to.
cutoffs as (
    select kinds.k, place, depth.k as deep, least(kinds.k, place + depth.k) as reach
    from (select distinct k from int_cutoffs) as kinds
    cross join depth
    cross join places
    where place < kinds.k
),
final as (
    select
        k, place,
        list_transform(
            range(0, deep), lambda x: case when place + x < reach then 1.0 else 0.0 end
        ) as inside,
        list_transform(
            range(0, deep),
            lambda x: case when place + x < reach then 1 / log2(place + x + 2) else 0.0 end
        ) as discount,
        list_transform(
            range(0, deep),
            lambda x: case when place + x < reach then 1 / (place + x + 1) else 0.0 end
        ) as reciprocal,
        list_transform(
            range(0, deep), lambda x: greatest(reach - place - x, 0)::double
        ) as inside_tail,
        list_transform(
            range(0, deep),
            lambda x: discount_sum(reach) - discount_sum(least(place + x, reach))
        ) as discount_tail,
        list_transform(
            range(0, deep),
            lambda x: harmonic(reach) - harmonic(least(place + x, reach))
        ) as reciprocal_tail
    from cutoffs
)
select * from final
