-- Each distinct case's expectations over pools and tie orders, for every K in use.
-- @m_all: Non-relevant gallery items, M.
-- @n: How many of them are drawn.
-- @offset_: Relevant items certainly before.
-- @m: Relevant items that share the score.
-- @inside: P(rank <= K).
-- @discounted: E[1 / log2(rank + 1); rank <= K].
-- @hit: P(rank <= K and no relevant item before).
-- @mrr: E[1 / rank; no relevant item before].
with
cutoffs as (
    select distinct k from int_cutoffs
),
points as (
    select
        int_expected_points.*,
        cutoffs.k,
        list_slice(int_pool_odds.odds, 1, cutoffs.k - place) as odds,
        int_pool_odds.reciprocal
    from int_expected_points
    inner join int_pool_odds using (m_all, n, b)
    cross join cutoffs
),
valued as (
    select
        m_all, n, above, tied, offset_, m, k, place, probability, reciprocal,
        case when place >= k then 0.0 else list_sum(odds) end as inside,
        case
            when place >= k then 0.0
            else list_sum(list_transform(odds, lambda p, i: p / log2(i + place + 1)))
        end as discounted
    from points
),
single as (
    select
        m_all, n, above, tied, offset_, m, k, inside, discounted,
        case when place = 0 then inside else 0.0 end as hit,
        case when place = 0 then reciprocal else 0.0 end as mrr
    from valued
    where tied = 0 and m = 1
),
spread as (
    select
        m_all, n, above, tied, offset_, m, k,
        sum(probability * inside) as inside,
        sum(probability * discounted) as discounted,
        sum(case when place = 0 then probability * inside else 0.0 end) as hit,
        sum(case when place = 0 then probability * reciprocal else 0.0 end) as mrr
    from valued
    where tied > 0 or m > 1
    group by all
),
final as (
    select * from single
    union all
    select * from spread
)
select * from final
