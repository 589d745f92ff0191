-- p times the number of p-values, among all rows', that are not smaller: the first step of Holm's (1979)
-- sequentially rejective correction. NULL, which was not tested, does not count.
holm_step(p) as
    ((count(p) over () - row_number() over (order by p nulls last) + 1) * p)
