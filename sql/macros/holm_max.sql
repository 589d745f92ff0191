-- Holm's second step: a corrected p-value is at most 1, and at least that of every smaller p.
holm_max(step, p) as
    case when p is not null then max(least(1.0, step)) over (order by p) end
