-- Median rank of the first relevant item over the whole gallery, of every run that was asked for it, with
-- its 95% interval and chance. The m items that share a query's best score have m equal rows, so each is
-- weighed by 1 / m. The interval's ends are the values at the places of `sign_place`, where visual items
-- count as Kish's (1965) effective number of queries: (Σ n)² / Σ n², n the queries of one.
medians(which) as table
with
firsts as materialized (
    select
        ranks.run_id, ranks.gallery as candidates,
        ranks.above + 1 + ranks.tied / (ranks.relevants_tied + 2) as rank,
        (ranks.gallery + 1) / (ranks.relevants + 1) as chance,
        ranks.cluster, sum(1 / (coalesce(ranks.relevants_tied, 0) + 1)) as queries
    from ranks
    semi join (select run_id from pools_of(which, null) where protocol = 'full') using (run_id)
    where ranks.relevants_above = 0
    group by all
),
sizes as (
    select run_id, sum(queries) as n, floor(sum(queries) ** 2 / sum(queries ** 2))::bigint as effective
    from (select run_id, cluster, sum(queries) as queries from firsts group by all)
    group by run_id
),
placed as (
    select
        run_id, candidates, of, value,
        sum(sum(queries)) over (partition by run_id, of order by value rows unbounded preceding) as up_to
    from (
        select run_id, candidates, queries, unnest(['rank', 'chance']) as of, unnest([rank, chance]) as value
        from firsts
    )
    group by run_id, candidates, of, value
),
final as (
    select
        run_id, any_value(candidates) as candidates,
        case
            when bool_and(value is not null)
                then (
                    min(value) filter (of = 'rank' and up_to >= n / 2 - 1e-9)
                    + min(value) filter (of = 'rank' and up_to > n / 2 + 1e-9)
                ) / 2
        end as value,
        case
            when bool_and(value is not null)
                then min(value) filter (of = 'rank' and up_to >= sign_place(effective) * n / effective - 1e-9)
        end as ci_low,
        case
            when bool_and(value is not null)
                then min(value) filter (
                    of = 'rank' and up_to > (effective - sign_place(effective)) * n / effective + 1e-9
                )
        end as ci_high,
        (
            min(value) filter (of = 'chance' and up_to >= n / 2 - 1e-9)
            + min(value) filter (of = 'chance' and up_to > n / 2 + 1e-9)
        ) / 2 as chance
    from placed
    inner join sizes using (run_id)
    group by run_id
)
select * from final
