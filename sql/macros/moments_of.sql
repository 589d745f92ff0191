-- The sums over clusters that a mean and its error need, from a measure's sums s over clusters of n queries
-- each; and, from the rows with is_chance, what a random ranking expects. NULL if a sum is unknown.
moments_of(n, is_chance, s) as {
    'total': sum_known(case when is_chance then 0.0 else s end),
    'squared': sum_known(case when is_chance then 0.0 else s * s end),
    'product': sum_known(case when is_chance then 0.0 else n * s end),
    'chance': sum(s) filter (is_chance) / sum(n) filter (is_chance)
}
