-- C(a, k) / C(b, k) for a <= b; 0 where C(a, k) is.
choose_ratio(a, b, k) as
    case when k > a or a < 0 then 0.0 else exp(ln_choose(a, k) - ln_choose(b, k)) end
