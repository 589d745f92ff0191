-- P(X = x): n items drawn from m_all contain x of b given ones; excess = x - b n / m_all, its distance from
-- the mean. Hypergeometric, by deviances, because the difference of log-gammas loses 1e-9 and more in
-- galleries of a million. All four cells of the table are equally far from their means.
pool_odds(m_all, b, n, x, excess) as
    case
        when x < 0 or x > b or x > n or n - x > m_all - b then 0.0
        else exp(
            stirling_rest(b) + stirling_rest(m_all - b) + stirling_rest(n)
            + stirling_rest(m_all - n) - stirling_rest(m_all)
            - stirling_rest(x) - stirling_rest(b - x)
            - stirling_rest(n - x) - stirling_rest(m_all - b - n + x)
            - deviance(x, excess) - deviance(b - x, -excess)
            - deviance(n - x, -excess) - deviance(m_all - b - n + x, excess)
        )
    end
