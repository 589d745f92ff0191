-- What recall, hit rate and precision may come to beyond a gallery with distractors: up to ten times as many
-- items, and K times as many, since further on what decides is rarer than one in the gallery. An
-- extrapolation, not a measurement, so it has no interval. It assumes that no further item is relevant, and that
-- further ones are like those of the gallery now (see more_odds); growth has the exact expectations up to
-- the gallery. Of exact runs alone; on held-out queries if something was learnt.
-- @protocol: extrapolated.
-- @value: Of recall, hit_rate or precision at K, expected among so many candidates.
-- @gallery: How many items the gallery has now.
with
growing_runs as (
    select * from runs where distractors > 0 and list_length is null
),
cases as materialized (
    select
        run_id, gallery, relevants, above, tied, relevants_above as before, relevants_tied as mates,
        count(*) as pairs
    from evidence
    semi join growing_runs using (run_id)
    group by all
),
-- How a run's items differ in the share of candidates that is above them, by how many of them have fewer
-- than some limits above.
parts_below as (
    select
        run_id, few, probit(few / (sum(pairs * (gallery - relevants)) / sum(pairs) + 1)) as share,
        sum(pairs) filter (above + tied / 2 < few) / sum(pairs) as part,
        case when part > 0 and part < 1 then probit(part) end as below
    from cases
    cross join (select unnest(few_above()) as few)
    where few <= (gallery - relevants) / 20
    group by run_id, few
),
priors as (
    select run_id, regr_intercept(below, share) as at_zero, regr_slope(below, share) as steep
    from parts_below
    group by run_id
    having regr_slope(below, share) > 0
),
slots as (
    select run_id, candidates, k
    from (
        select
            run_id, gallery, ks,
            unnest(list_filter(growing(), lambda c: c > gallery and c <= 10 * gallery)) as candidates
        from growing_runs
    )
    cross join unnest(ks) as each_k (k)
    where candidates <= k * gallery
),
asked as materialized (
    select
        cases.*, slots.candidates, slots.k, gallery - relevants as others, candidates - gallery as more,
        priors.at_zero, priors.steep
    from cases
    inner join slots using (run_id)
    inner join priors using (run_id)
),
-- In a tie, u competitors and v relevant items come first; only those with fewer than K before them can count.
orders as materialized (
    select
        *, above + u as b, before + v as place, greatest(k - place - b, 0) as room,
        case
            when tied = 0 then 1.0 / (mates + 1)
            else pool_odds(tied + mates, mates, u + v, v, v - mates * (u + v) / (tied + mates)) / (tied + mates + 1)
        end as share
    from (
        select *, unnest(range(0, least(tied, k) + 1)) as u
        from (
            select *, unnest(range(0, mates + 1)) as v
            from (
                select distinct others, more, at_zero, steep, above, tied, before, mates, k
                from asked
            )
        )
    )
),
odds as (
    select others, more, at_zero, steep, b, more_odds(shares, others, b, more, at_zero, steep, most) as odds
    from (
        select others, more, at_zero, steep, b, max(room) as most
        from orders
        group by others, more, at_zero, steep, b
    )
    cross join (select shares_above() as shares)
),
valued as (
    select
        others, more, above, tied, before, mates, k, at_zero, steep,
        sum(share * coalesce(list_sum(likely), 0.0)) as inside,
        sum(share * coalesce(list_sum(likely), 0.0)) filter (place = 0) as first_k
    from (
        select orders.*, odds.odds[:room] as likely
        from orders
        inner join odds using (others, more, at_zero, steep, b)
    )
    group by others, more, above, tied, before, mates, k, at_zero, steep
),
summed as (
    select
        run_id, candidates, asked.k, any_value(gallery) as gallery,
        sum(pairs / relevants) as queries,
        sum(pairs * inside / relevants) as recall,
        sum(pairs / relevants * asked.k / candidates) as recall_chance,
        sum(pairs * case when asked.before > 0 then 0.0 else first_k end) as hit_rate,
        sum(pairs / relevants * (1 - choose_ratio(candidates - asked.k, candidates, relevants))) as hit_rate_chance,
        sum(pairs * inside / asked.k) as precision,
        sum(pairs / candidates) as precision_chance
    from asked
    inner join valued using (others, more, at_zero, steep, above, tied, before, mates, k)
    group by run_id, candidates, asked.k
),
measured_each as (
    select
        run_id, candidates, k, gallery, queries,
        unnest([
            {'measure': 'recall', 'total': recall, 'by_chance': recall_chance},
            {'measure': 'hit_rate', 'total': hit_rate, 'by_chance': hit_rate_chance},
            {'measure': 'precision', 'total': precision, 'by_chance': precision_chance}
        ], recursive := true)
    from summed
),
final as (
    select
        found.run_id, runs.dataset, runs.qrels, runs.model, runs.direction, runs.dim, runs.dim_method,
        runs.precision, runs.quantizer, runs.scorer, runs.variant,
        shown_fit(runs.fit, runs.evidence_fit, 'expected', false) as fit, 'extrapolated' as protocol,
        found.candidates, found.measure, found.k,
        total / found.queries as value, by_chance / found.queries as chance, total / by_chance as lift,
        runs.queries, found.gallery
    from measured_each as found
    inner join runs using (run_id)
)
select * from final
order by run_id, measure, k, candidates
