-- Whether a measure is clearly above chance: the lower end of its interval lies above it by half of
-- chance, or by half of what there is between chance and 1 where that is less.
clearly_above(low, chance) as
    (low >= chance + 0.5 * least(chance, 1 - chance))
