-- Logarithm of the binomial coefficient C(n, k); NULL where k < 0 or k > n.
ln_choose(n, k) as
    case
        when k >= 0 and k <= n then lgamma(n + 1.0) - lgamma(k + 1.0) - lgamma(n - k + 1.0)
    end
