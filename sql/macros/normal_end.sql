-- Distance in standard errors of an interval's end for a normal estimate: 1.96 for one figure, the end of
-- a 95% interval; when choosing among several, the quantile that each exceeds in 2.5% / looks.
normal_end(looks) as
    (case when looks <= 1 then 1.959963984540054 else acklam_tail(sqrt(-2 * ln(0.025 / looks))) end)
