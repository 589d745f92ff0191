-- Each distinct case's expectations over pools and tie orders, for every K in use;
-- k is a depth of int_depths.
-- @m_all: Non-relevant gallery items, M.
-- @n: How many of them are drawn.
-- @offset_: Relevant items certainly before.
-- @m: Relevant items that share the score.
-- @inside: P(rank <= K).
-- @discounted: E[1 / log2(rank + 1); rank <= K].
-- @hit: P(rank <= K and no relevant item before).
-- @mrr: E[1 / rank; no relevant item before]; at one place
-- E[1 / (1 + X)] = (M+1) / ((b+1)(n+1)) (1 - C(M-b, n+1) / C(M+1, n+1)).
-- @mrr_at: E[1 / rank; rank <= K and no relevant item before].
with
cutoffs as (
    select distinct depth as k from int_depths
),
odds as materialized (
    select * from int_pool_odds
),
weights as materialized (
    select * from int_weights
),
valued as (
    select
        int_expected_points.*,
        cutoffs.k,
        case
            when int_expected_points.place > 0 then 0.0
            -- The same as below, which rounding may bring above 1.
            when b = 0 then 1.0
            else (m_all + 1) / ((b + 1) * (n + 1)) * (1 - miss_odds(m_all + 1, b + 1, n + 1))
        end as reciprocal,
        coalesce(list_inner_product(odds.odds, weights.inside), 0.0) as inside,
        coalesce(list_inner_product(odds.odds, weights.discount), 0.0) as discounted,
        coalesce(list_inner_product(odds.odds, weights.reciprocal), 0.0) as reciprocal_inside
    from int_expected_points
    inner join odds using (m_all, n, b)
    cross join cutoffs
    left join weights
        on weights.place = int_expected_points.place and weights.k = cutoffs.k
),
alone as (
    select
        m_all, n, above, tied, offset_, m, k, inside, discounted,
        case when place = 0 then inside else 0.0 end as hit,
        reciprocal as mrr,
        case when place = 0 then reciprocal_inside else 0.0 end as mrr_at
    from valued
    where m = 1
),
spread as (
    select
        m_all, n, above, tied, offset_, m, k,
        sum(probability * inside) as inside,
        sum(probability * discounted) as discounted,
        sum(case when place = 0 then probability * inside else 0.0 end) as hit,
        sum(probability * reciprocal) as mrr,
        sum(case when place = 0 then probability * reciprocal_inside else 0.0 end) as mrr_at
    from valued
    where m > 1
    group by all
),
-- The mean over a tie group is a difference of prefix sums, at its two ends.
ended as (
    select
        cases.*,
        cutoffs.k,
        (cases.m_all + 1) / ((cases.n + 1) * (cases.tied + 1)) as share,
        coalesce(list_inner_product(lower_end.odds, weights.inside_tail), 0.0)
            - coalesce(list_inner_product(upper_end.odds, weights.inside_tail), 0.0) as inside,
        coalesce(list_inner_product(lower_end.odds, weights.discount_tail), 0.0)
            - coalesce(list_inner_product(upper_end.odds, weights.discount_tail), 0.0)
            as discounted,
        coalesce(list_inner_product(lower_end.odds, weights.reciprocal_tail), 0.0)
            - coalesce(list_inner_product(upper_end.odds, weights.reciprocal_tail), 0.0)
            as reciprocal_inside
    from int_expected_cases as cases
    cross join cutoffs
    inner join odds as lower_end
        on
            lower_end.m_all = cases.m_all + 1
            and lower_end.n = cases.n + 1
            and lower_end.b = cases.above
    inner join odds as upper_end
        on
            upper_end.m_all = cases.m_all + 1
            and upper_end.n = cases.n + 1
            and upper_end.b = cases.above + cases.tied + 1
    left join weights
        on weights.place = cases.offset_ and weights.k = cutoffs.k
    where cases.tied > 0 and cases.m = 1
),
tied_alone as (
    select
        ended.m_all, ended.n, ended.above, ended.tied, ended.offset_, ended.m, ended.k,
        ended.share * ended.inside as inside,
        ended.share * ended.discounted as discounted,
        case when ended.offset_ = 0 then ended.share * ended.inside else 0.0 end as hit,
        case when ended.offset_ = 0 then int_tie_reciprocals.reciprocal else 0.0 end as mrr,
        case when ended.offset_ = 0 then ended.share * ended.reciprocal_inside else 0.0 end
            as mrr_at
    from ended
    left join int_tie_reciprocals
        on
            ended.offset_ = 0
            and int_tie_reciprocals.m_all = ended.m_all
            and int_tie_reciprocals.n = ended.n
            and int_tie_reciprocals.above = ended.above
            and int_tie_reciprocals.tied = ended.tied
),
final as (
    select * from alone
    union all
    select * from spread
    union all
    select * from tied_alone
)
select * from final
