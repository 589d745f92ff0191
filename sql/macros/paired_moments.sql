-- The sums over clusters that a ratio, a difference and their errors need: for every cluster, n is the
-- number of queries, and pair.x and pair.y are a measure's sums in a run and in its baseline.
paired_moments(n, pair) as {
    'total': sum_known(pair.x),
    'base': sum_known(pair.y),
    'xx': sum_known(pair.x ** 2),
    'yy': sum_known(pair.y ** 2),
    'xy': sum_known(pair.x * pair.y),
    'nx': sum_known(n * pair.x),
    'ny': sum_known(n * pair.y),
    -- Of the difference itself, because Σx² - 2Σxy + Σy² cancels for small differences.
    'dd': sum_known((pair.x - pair.y) ** 2),
    'ad': sum_known(abs(pair.x - pair.y))
}
