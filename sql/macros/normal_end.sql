-- How many standard errors an end lies off, of a normal estimate: 1.96 of one figure, an end of a 95%
-- interval; of more that are chosen from, the quantile that one is beyond in 2.5% / looks.
normal_end(looks) as
    (case when looks <= 1 then 1.959963984540054 else acklam_tail(sqrt(-2 * ln(0.025 / looks))) end)
