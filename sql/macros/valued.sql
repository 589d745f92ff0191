-- What the odds of x = 0, 1, … competitors before an item are worth, with `place` relevant items before it,
-- by the worth of each rank from 1 on; of NULL, 1 for each.
valued(odds, worth, place) as
    coalesce(
        case
            when worth is null then list_sum(odds)
            else list_inner_product(odds, worth[place + 1:])
        end,
        0.0
    )
