-- The harmonic number 1 + 1/2 + … + 1/n: from a table up to 20, then by its asymptotic series, whose error
-- is below 1e-15 there. The table is one string, because DuckDB plans each element of a list.
create macro harmonic(n) as
    case
        when n <= 20
            then ('[0.0, 1.0, 1.5, 1.8333333333333333, 2.0833333333333335, 2.283333333333333, 2.45,
                2.592857142857143, 2.717857142857143, 2.828968253968254, 2.9289682539682538,
                3.019877344877345, 3.103210678210678, 3.180133755133755, 3.2515623265623264,
                3.3182289932289932, 3.3807289932289932, 3.4395525226407577, 3.4951080781963135,
                3.547739657143682, 3.597739657143682]'::double[])[n + 1]
        else ln(n) + 0.57721566490153286061 + (
            0.5 - (1.0 / 12 - (1.0 / 120 - (1.0 / 252 - 1.0 / 240 / n ** 2) / n ** 2) / n ** 2) / n
        ) / n
    end;

-- li(x), the integral of 1 / ln, from l = ln(x) between 1 and 40: Euler's constant + ln(l) + the sum of
-- l^j / (j j!), whose terms are all positive.
create macro logarithmic_integral(l) as
    0.57721566490153286061 + ln(l)
    + list_sum(list_transform(range(1, 121), lambda j: l ** j / (j * gamma(j + 1))));

-- P(rank <= k) of an item whose place is uniform among the `size` places after `base`.
create macro inside_share(k, base, size) as
    (least(greatest((k - base) / size, 0.0), 1.0));

-- E[(relevant items before + 1) / rank; rank <= k] of an item whose place is uniform among the `size`
-- places after `base`, of which `before` are relevant, if its group has `mates` more relevant items: at
-- place p of the group, (p - 1) mates / (size - 1) of them come before it on average.
create macro precision_inside(k, base, size, before, mates) as
    case
        when k <= base then 0.0
        when size = 1 then (before + 1.0) / (base + 1)
        else (
            (before + 1 - mates / (size - 1) * (base + 1))
            * (harmonic(least(k, base + size)) - harmonic(base))
            + mates / (size - 1) * (least(k, base + size) - base)
        ) / size
    end;

-- E[1 / rank; rank <= above + top] of the first of m = mates + 1 relevant items that share the best score
-- with T = tied competitors, divided among the m: u competitors come before it with probability
-- C(T-u+m-1, m-1) / C(T+m, m). Summed in blocks, so that no list is as long as a large group.
create macro mixed_reciprocal(above, tied, mates, top) as
    list_sum(list_transform(
        range(0, top, 1000),
        lambda first: list_sum(list_transform(
            range(first, least(first + 1000, top)),
            lambda u: case
                when u = 0 then 1.0
                else none_of(tied + mates, mates, u, tied, tied + mates - u, tied - u)
            end / ((tied + mates + 1) * (above + u + 1))
        ))
    ));

-- A share, or 1 if only rounding keeps it from 1.
create macro up_to_one(share) as case when abs(share - 1) <= 1e-12 then 1.0 else share end;

-- Whether an item is in the top K; false if a list of K or more lacks it, NULL if unknown.
create macro in_top(rank_, list_length_, top_) as
    (coalesce(rank_ <= top_, case when top_ <= list_length_ then false end));
