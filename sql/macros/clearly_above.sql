-- Whether a measure is clearly above chance: the lower end of its interval exceeds chance by half of
-- chance, or by half of the distance between chance and 1 if that is less.
clearly_above(low, chance) as
    (low >= chance + 0.5 * least(chance, 1 - chance))
