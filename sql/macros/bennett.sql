-- Upper bound of the probability that a sum of independent variables, each within 1 of its mean, deviates
-- by `off` or more from its mean on either side, if the sum of their variances is at most `variance`:
-- Bennett, Probability inequalities for the sum of independent random variables, 1962. Unlike a normal
-- approximation, it is accurate for rare events as well as for common ones.
bennett(off, variance) as
    least(1.0, 2 * exp(
        abs(off) - (abs(off) + greatest(variance, 1e-30)) * ln(1 + abs(off) / greatest(variance, 1e-30))
    ))
