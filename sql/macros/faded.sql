-- The number b of competitors from which n random items of M miss all of them with a probability that is
-- zero to the last digit: C(M-b, n) / C(M, n) falls faster than exp(-b n / M).
faded(others, drawn) as
    ceil(45 * others / greatest(drawn, 1))::bigint
