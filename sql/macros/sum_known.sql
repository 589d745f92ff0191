-- The sum of all values, NULL if any of them is: a measure with an unknown part is unknown.
sum_known(x) as
    nullif(sum(coalesce(x, 'nan'::double)), 'nan'::double)
