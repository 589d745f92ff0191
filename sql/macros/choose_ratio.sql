-- C(a, k) / C(b, k) for a <= b; 0 if C(a, k) is. The probability that k drawn from b miss b - a of them.
choose_ratio(a, b, k) as
    case when k > a or a < 0 then 0.0 else miss_odds(b, b - a, k) end
