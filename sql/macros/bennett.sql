-- The most probable that a sum of independent variables, each within 1 of its mean, is `off` or more
-- from its own mean, of either side, where the sum of their variances is at most `variance`:
-- Bennett, Probability inequalities for the sum of independent random variables, 1962. Near the truth
-- for rare events as for common ones, where a normal approximation is not.
bennett(off, variance) as
    least(1.0, 2 * exp(
        abs(off) - (abs(off) + greatest(variance, 1e-30)) * ln(1 + abs(off) / greatest(variance, 1e-30))
    ))
