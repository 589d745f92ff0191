-- P(X = 0): n items drawn from m_all contain none of b given ones; pool_odds at x = 0, mean = b n / m_all.
miss_odds(m_all, b, n) as
    case
        when n > m_all - b then 0.0
        else exp(
            stirling_rest(m_all - b) + stirling_rest(m_all - n) - stirling_rest(m_all)
            - stirling_rest(m_all - b - n)
            - b * n / greatest(m_all, 1)
            - deviance(b, b * n / greatest(m_all, 1))
            - deviance(n, b * n / greatest(m_all, 1))
            - deviance(m_all - b - n, -b * n / greatest(m_all, 1))
        )
    end
