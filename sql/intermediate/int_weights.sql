-- What a rank is worth, for an item with `place` relevant items before it: lists over the number
-- x = 0, 1, … of competitors before it, as long as the largest depth in use; k is a
-- depth of int_depths.
-- @place: Relevant items before the item.
-- @inside: 1 where its rank place + x + 1 is K or less, else 0.
-- @discount: 1 / log2(rank + 1) there, else 0.
-- @reciprocal: 1 / rank there, else 0.
-- @inside_tail: Sum of inside from x on.
-- @discount_tail: Sum of discount from x on.
-- @reciprocal_tail: Sum of reciprocal from x on.
with
depth as (
    select max(depth) as k from int_depths
),
places as (
    select unnest(range(0, max(offset_ + m))) as place from int_expected_cases
),
cutoffs as (
    select distinct depth as k from int_depths
),
final as (
    select
        cutoffs.k, place,
        list_transform(
            range(0, depth.k), lambda x: case when place + x < cutoffs.k then 1.0 else 0.0 end
        ) as inside,
        list_transform(
            range(0, depth.k),
            lambda x: case when place + x < cutoffs.k then 1 / log2(place + x + 2) else 0.0 end
        ) as discount,
        list_transform(
            range(0, depth.k),
            lambda x: case when place + x < cutoffs.k then 1 / (place + x + 1) else 0.0 end
        ) as reciprocal,
        list_transform(
            range(0, depth.k), lambda x: greatest(cutoffs.k - place - x, 0)::double
        ) as inside_tail,
        list_transform(
            range(0, depth.k),
            lambda x: discount_sum(cutoffs.k) - discount_sum(least(place + x, cutoffs.k))
        ) as discount_tail,
        list_transform(
            range(0, depth.k),
            lambda x: harmonic(cutoffs.k) - harmonic(least(place + x, cutoffs.k))
        ) as reciprocal_tail
    from cutoffs
    cross join depth
    cross join places
    where place < cutoffs.k
)
select * from final
