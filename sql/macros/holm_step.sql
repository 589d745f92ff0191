-- Of all rows' p-values, p times the number of those that are not smaller: the first step of Holm's
-- (1979) sequentially rejective correction. What was not tested, NULL, does not count.
holm_step(p) as
    ((count(p) over () - row_number() over (order by p nulls last) + 1) * p)
