-- How far the values of drawn pools are from their expectation, over queries: pair.m is a query's
-- expectation, pair.n and pair.s the number and sum of its drawn values. pools is their total number, off
-- the sum of the differences, variance the largest possible variance of shares with these expectations.
drawn_moments(pair) as {
    'pools': coalesce(sum(case when pair.m is not null then pair.n end), 0)::bigint,
    'off': sum(pair.s - pair.n * pair.m),
    'variance': sum(case when pair.s is not null then pair.n * greatest(pair.m * (1 - pair.m), 0) end)
}
