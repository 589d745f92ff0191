-- From how many competitors on n random ones of M items never miss them all, to the last digit:
-- C(M-b, n) / C(M, n) falls faster than exp(-b n / M).
faded(others, drawn) as
    ceil(45 * others / greatest(drawn, 1))::bigint
