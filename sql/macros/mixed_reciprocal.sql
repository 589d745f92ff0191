-- E[1 / rank; rank <= above + top] of the first of m = mates + 1 relevant items that share the best score
-- with T = tied competitors, divided among the m: u competitors come before it with probability
-- C(T-u+m-1, m-1) / C(T+m, m). Summed in blocks, so that no list is as long as a large group.
mixed_reciprocal(above, tied, mates, top) as
    list_sum(list_transform(
        range(0, top, 1000),
        lambda first: list_sum(list_transform(
            range(first, least(first + 1000, top)),
            lambda u: miss_odds(tied + mates, mates, u) / ((tied + mates + 1) * (above + u + 1))
        ))
    ))
