-- Sum of 1 / log2(r + 1) over the ranks r = 1 … n: looked up to 100, which is a constant list to
-- the optimizer, and summed beyond.
discount_sum(n) as
    case
        when n <= 100
            then list_extract(
                list_transform(
                    range(0, 101),
                    lambda m: coalesce(
                        list_sum(list_transform(range(1, m + 1), lambda r: 1 / log2(r + 1))), 0.0
                    )
                ),
                n + 1
            )
        else list_sum(list_transform(range(1, n + 1), lambda r: 1 / log2(r + 1)))
    end
