-- How many standard errors an end lies off, of a normal estimate: 1.96 of one figure or two, 95% intervals
-- of their own; of more that are chosen from, the quantile that one is beyond in 5% / looks.
normal_end(looks) as
    (case when looks <= 2 then 1.959963984540054 else acklam_tail(sqrt(-2 * ln(0.05 / looks))) end)
