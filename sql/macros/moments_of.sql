-- The sums over clusters that a mean and its error need, of a measure's sums s of clusters with n queries
-- each; and from the rows of is_chance what a random ranking expects.
moments_of(n, is_chance, s) as {
    'total': case when count(s) filter (not is_chance) = count(*) filter (not is_chance) then sum(s) filter (not is_chance) end,
    'squared': case when count(s) filter (not is_chance) = count(*) filter (not is_chance) then sum(s * s) filter (not is_chance) end,
    'product': case when count(s) filter (not is_chance) = count(*) filter (not is_chance) then sum(n * s) filter (not is_chance) end,
    'chance': sum(s) filter (is_chance) / sum(n) filter (is_chance)
}
