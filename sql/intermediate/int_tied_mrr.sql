-- E[1 / rank of the first relevant item] where several relevant items share the best score with
-- competitors: the number u of competitors before the first has the probability
-- C(T-u+m-1, m-1) / C(T+m, m). One row for each distinct case.
-- @m: How many relevant items share the best score.
-- @mrr: The expectation.
-- @terms: What each of the ranks above + 1, above + 2, … adds to it, up to the largest K in use.
with
depth as (
    select max(k) as k from int_cutoffs
),
cases as (
    select distinct above, tied, relevants_tied + 1 as m
    from int_pairs
    where relevants_above = 0 and relevants_tied > 0 and tied > 0
),
steps as (
    select *, unnest(range(0, tied + 1)) as u from cases
),
parts as (
    select *, miss_odds(tied + m - 1, m - 1, u) * m / ((tied + m) * (above + u + 1)) as part
    from steps
),
final as (
    select
        above, tied, m,
        sum(part) as mrr,
        list(part order by u) filter (above + u < depth.k) as terms
    from parts
    cross join depth
    group by above, tied, m
)
select * from final
