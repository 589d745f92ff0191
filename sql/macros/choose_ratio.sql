-- C(a, k) / C(b, k) for a <= b; 0 where C(a, k) is. The odds that k drawn of b miss b - a of them.
choose_ratio(a, b, k) as
    case when k > a or a < 0 then 0.0 else miss_odds(b, b - a, k) end
