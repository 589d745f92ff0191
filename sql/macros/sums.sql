-- Sums of every measure, from the ranks up: over the queries of a visual item, or with by_query those of
-- a single query and draw, under each run, pool (see pools_of) and K. The rows of is_chance, one a run,
-- pool and K, have what a random ranking expects, summed over all queries. any_k: one K instead of those
-- that the runs were asked for; of_runs: a list of run_ids instead of all.
-- Pairs with the same counts are worth the same, so each distinct case is valued once. A random ranking
-- is the case in which everything ties.
-- @n: Number of queries, draws counted apart.
sums(which, any_c, any_k, by_query := false, of_runs := null) as table
with
pools as materialized (
    from pools_of(which, any_c) where of_runs is null or list_contains(of_runs, run_id)
),
slots as materialized (
    select row_number() over () as slot, *
    from (
        select
            pools.*, case when protocol = 'full' then runs.list_length end as missed_up_to,
            unnest(cutoffs(any_k, runs.ks)) as k
        from pools
        inner join runs using (run_id)
    )
),
-- What is not known is -1 here, for NULL joins nothing; a pair of the whole gallery has pool 0.
pairs as materialized (
    select
        run_id, 0 as pool, case when by_query then query_id end as query_id, null::integer as draw,
        cluster, relevants, gallery, coalesce(above, -1) as above, coalesce(tied, -1) as tied,
        relevants_above as before, coalesce(relevants_tied, -1) as mates, relevance,
        coalesce(ideal_gains, []) as gains, count(*) as pairs
    from ranks
    semi join (select run_id from pools where protocol <> 'sampled') using (run_id)
    group by all
    union all
    select
        run_id, candidates as pool, case when by_query then query_id end, case when by_query then draw end,
        cluster, relevants, 0, coalesce(above, -1), coalesce(tied, -1), relevants_above,
        coalesce(relevants_tied, -1), relevance, coalesce(ideal_gains, []), count(*)
    from sampled_ranks
    semi join (select * from pools where protocol = 'sampled') using (run_id, candidates)
    group by all
),
cases as materialized (
    select row_number() over () as case_no, *
    from (
        select
            run_id, pool, relevants, gallery, above, tied, before, mates, relevance, gains,
            sum(pairs) as pairs
        from pairs
        group by all
    )
),
asked as materialized (
    select
        cases.* replace (nullif(above, -1) as above, nullif(tied, -1) as tied, nullif(mates, -1) as mates),
        pools.protocol, pools.candidates, gallery - relevants as others,
        pools.candidates - relevants as drawn
    from cases
    inner join pools
        on
            pools.run_id = cases.run_id
            and case
                when cases.pool = 0 then pools.protocol <> 'sampled'
                else pools.protocol = 'sampled' and pools.candidates = cases.pool
            end
),
shapes as materialized (
    select
        -row_number() over () as case_no, *, candidates - relevants as tied, relevants - 1 as mates
    from (
        select run_id, protocol, candidates, relevants, relevance, gains, sum(pairs) as pairs
        from asked
        group by all
    )
),
placed as materialized (
    select
        case_no, run_id, protocol, candidates, relevants, above, tied, before, mates, relevance, gains
    from asked
    where protocol <> 'expected'
    union all
    select case_no, run_id, protocol, candidates, relevants, 0, tied, 0, mates, relevance, gains from shapes
),
-- Where m relevant items share the best score with T competitors, u of these come before the first of
-- them with the probability C(T-u+m-1, m-1) / C(T+m, m).
mixed as (
    select
        above, tied, mates, sum(part) as whole,
        list(part order by u) filter (above + u < (select max(k) from slots)) as terms
    from (
        select
            *,
            miss_odds(tied + mates, mates, u) / ((tied + mates + 1) * (above + u + 1)) as part
        from (
            select *, unnest(range(0, tied + 1)) as u
            from (
                select distinct above, tied, mates from placed where before = 0 and mates > 0 and tied > 0
            )
        )
    )
    group by all
),
-- In a known pool an item's place in its group of ties is uniform.
known as (
    select
        placed.*, slots.slot, slots.k,
        above + before as base, tied + mates + 1 as size,
        case when k <= missed_up_to then 0.0 end as missed_k,
        case when placed.relevants <= missed_up_to then 0.0 end as missed_r,
        case when above is null then missed_k else inside_share(k, base, size) end as inside,
        case when above is null then missed_r else inside_share(placed.relevants, base, size) end as inside_r,
        case
            when above is null then missed_k
            when base >= k then 0.0
            when size = 1 then 1 / log2(base + 2)
            else (discount_sum(least(k, base + size)) - discount_sum(base)) / size
        end as discounted,
        case
            when before > 0 or above >= k then 0.0
            when above is null then missed_k
            when k - above > tied then 1.0 / (mates + 1)
            when mates = 0 then (k - above) / (tied + 1)
            when k - above = 1 then 1.0 / size
            else (1 - choose_ratio(size - (k - above), size, mates + 1)) / (mates + 1)
        end as first_k,
        case
            when before > 0 then 0.0
            when tied = 0 then 1.0 / (above + 1) / (mates + 1)
            when mates = 0 then (harmonic(above + tied + 1) - harmonic(above)) / (tied + 1)
            else mixed.whole
        end as reciprocal,
        case
            when before > 0 or above >= k then 0.0
            when above is null then missed_k
            when k - above > tied then reciprocal
            when mates = 0 then (harmonic(k) - harmonic(above)) / (tied + 1)
            else list_sum(mixed.terms[:k - above])
        end as reciprocal_k,
        case
            when protocol = 'full' and above is not null
                then precision_inside(base + size, base, size, before, mates)
        end as precision,
        case
            when protocol <> 'full' then null
            when above is null then missed_r
            else precision_inside(placed.relevants, base, size, before, mates)
        end as precision_r,
        case
            when protocol <> 'full' then null
            when before > 0 then 0.0
            else (above + 1 + tied / (mates + 2)) / (mates + 1)
        end as first_rank
    from placed
    inner join slots using (run_id, protocol, candidates)
    left join mixed using (above, tied, mates)
),
-- From the last item of the largest pool on, all K are worth the same.
depths as (
    select distinct k, least(k, (select max(candidates) + 1 from pools where protocol = 'expected')) as depth
    from slots
    where protocol = 'expected'
),
depth as (
    select max(depth) as deepest from depths
),
drawn_cases as materialized (
    select distinct others, drawn, above, tied, before, mates
    from asked
    where protocol = 'expected' and above is not null
),
-- Every order inside the ties, with its probability: u competitors and v relevant items come first.
orders as materialized (
    select
        *, above + u as b, before + v as place,
        case
            when tied = 0 then 1.0 / (mates + 1)
            else pool_odds(tied + mates, mates, u + v, v, v - mates * (u + v) / (tied + mates))
                / (tied + mates + 1)
        end as probability
    from (
        select *, unnest(range(0, tied + 1)) as u
        from (
            select *, unnest(range(0, mates + 1)) as v from drawn_cases where tied = 0 or mates > 0
        )
    )
),
-- Where one item ties with competitors alone, the mean over its places is a difference of prefix
-- sums: Σ P(X = x) over b' <= b is (M+1) / (n+1) P(Y > x), Y ~ Hypergeometric(M+1, b+1, n+1).
tied_cases as materialized (
    select * from drawn_cases where tied > 0 and mates = 0
),
odds as materialized (
    select
        others, drawn, b,
        list_transform(
            range(0, deepest),
            lambda x: pool_odds(others, b, drawn, x, x - b * drawn / greatest(others, 1))
        ) as odds
    from (
        select others, drawn, b from orders
        union
        select others + 1, drawn + 1, unnest([above, above + tied + 1]) from tied_cases
    )
    cross join depth
),
weights as materialized (
    select
        depths.depth, place,
        list_transform(range(0, deepest), lambda x: (place + x < depths.depth)::double) as inside,
        list_transform(
            range(0, deepest),
            lambda x: case when place + x < depths.depth then 1 / log2(place + x + 2) else 0.0 end
        ) as discount,
        list_transform(
            range(0, deepest),
            lambda x: case when place + x < depths.depth then 1 / (place + x + 1) else 0.0 end
        ) as reciprocal,
        list_transform(range(0, deepest), lambda x: greatest(depths.depth - place - x, 0)::double)
            as inside_tail,
        list_transform(
            range(0, deepest),
            lambda x: discount_sum(depths.depth) - discount_sum(least(place + x, depths.depth))
        ) as discount_tail,
        list_transform(
            range(0, deepest),
            lambda x: harmonic(depths.depth) - harmonic(least(place + x, depths.depth))
        ) as reciprocal_tail
    from (select distinct depth from depths) as depths
    cross join (select unnest(range(0, max(before + mates) + 1)) as place from drawn_cases) as places
    cross join depth
),
-- E[1 / rank] of such items, also from prefix sums. C(M-b, n+1) / C(M+1, n+1) falls faster than
-- exp(-b (n+1) / (M+1)): nothing is left at 45.
lengths as materialized (
    select
        others, drawn, least(max(above + tied), ceil(45 * (others + 1) / (drawn + 1))::bigint) as longest
    from tied_cases
    group by others, drawn
),
prefixes as materialized (
    select
        others, drawn, b,
        sum(miss_odds(others + 1, b + 1, drawn + 1) / (b + 1))
            over (partition by others, drawn order by b rows unbounded preceding) as missed
    from (select *, unnest(range(0, longest + 1)) as b from lengths)
),
drawn_values as (
    select
        others, drawn, above, tied, before, mates, depth,
        sum(probability * list_inner_product(odds.odds, weights.inside)) as inside,
        sum(probability * list_inner_product(odds.odds, weights.discount)) as discounted,
        sum(case when place = 0 then probability * list_inner_product(odds.odds, weights.inside) else 0.0 end)
            as first_k,
        sum(case
            when place > 0 then 0.0
            -- E[1 / (1 + X)] = (M+1) / ((b+1)(n+1)) (1 - C(M-b, n+1) / C(M+1, n+1)), at most 1.
            when b = 0 then probability
            else probability * (others + 1) / ((b + 1) * (drawn + 1))
                * (1 - miss_odds(others + 1, b + 1, drawn + 1))
        end) as reciprocal,
        sum(
            case when place = 0 then probability * list_inner_product(odds.odds, weights.reciprocal) else 0.0 end
        ) as reciprocal_k
    from orders
    inner join odds using (others, drawn, b)
    inner join weights using (place)
    group by all
    union all
    select
        c.others, c.drawn, c.above, c.tied, c.before, c.mates, weights.depth,
        (c.others + 1) / ((c.drawn + 1) * (c.tied + 1))
        * (list_inner_product(low.odds, weights.inside_tail) - list_inner_product(up.odds, weights.inside_tail)),
        (c.others + 1) / ((c.drawn + 1) * (c.tied + 1)) * (
            list_inner_product(low.odds, weights.discount_tail)
            - list_inner_product(up.odds, weights.discount_tail)
        ),
        case when c.before > 0 then 0.0 else (c.others + 1) / ((c.drawn + 1) * (c.tied + 1)) * (
            list_inner_product(low.odds, weights.inside_tail) - list_inner_product(up.odds, weights.inside_tail)
        ) end,
        case when c.before > 0 then 0.0 else (c.others + 1) / ((c.drawn + 1) * (c.tied + 1)) * (
            harmonic(c.above + c.tied + 1) - harmonic(c.above) - up_end.missed + coalesce(low_end.missed, 0.0)
        ) end,
        case when c.before > 0 then 0.0 else (c.others + 1) / ((c.drawn + 1) * (c.tied + 1)) * (
            list_inner_product(low.odds, weights.reciprocal_tail)
            - list_inner_product(up.odds, weights.reciprocal_tail)
        ) end
    from tied_cases as c
    inner join weights on weights.place = c.before
    inner join odds as low on low.others = c.others + 1 and low.drawn = c.drawn + 1 and low.b = c.above
    inner join odds as up
        on up.others = c.others + 1 and up.drawn = c.drawn + 1 and up.b = c.above + c.tied + 1
    inner join lengths on lengths.others = c.others and lengths.drawn = c.drawn
    inner join prefixes as up_end
        on
            up_end.others = c.others
            and up_end.drawn = c.drawn
            and up_end.b = least(c.above + c.tied, lengths.longest)
    left join prefixes as low_end
        on
            low_end.others = c.others
            and low_end.drawn = c.drawn
            and low_end.b = least(c.above - 1, lengths.longest)
),
expected as (
    select
        case_no, slot, k, relevants, relevance, gains, inside, inside_r, discounted, first_k, reciprocal,
        reciprocal_k, precision, precision_r, first_rank
    from known
    union all by name
    select
        asked.case_no, slots.slot, slots.k, asked.relevants, asked.relevance, asked.gains,
        found.inside, found.discounted,
        case when asked.above is null and asked.before > 0 then 0.0 else found.first_k end as first_k,
        case when asked.above is null and asked.before > 0 then 0.0 else found.reciprocal end as reciprocal,
        case when asked.above is null and asked.before > 0 then 0.0 else found.reciprocal_k end
            as reciprocal_k
    from asked
    inner join slots using (run_id, protocol, candidates)
    inner join depths using (k)
    left join drawn_values as found using (others, drawn, above, tied, before, mates, depth)
    where asked.protocol = 'expected'
),
gained as (
    select
        *,
        relevance / ideal_sum(k, relevants, gains, false) as gain,
        (2 ** relevance - 1) / ideal_sum(k, relevants, gains, true) as gain_exp
    from expected
),
parts as materialized (
    select case_no, slot, weight, struct_extract(columns(* exclude (case_no, slot, weight)), 'part') as '\0'
    from (select case_no, slot, 1.0 / relevants as weight, unnest(measured(gained, k)) from gained)
),
numbered as materialized (
    select cases.case_no, pairs.query_id, pairs.draw, pairs.cluster, pairs.pairs
    from pairs
    inner join cases using (run_id, pool, relevants, gallery, above, tied, before, mates, relevance, gains)
),
summed as (
    select
        slot, false as is_chance, query_id, draw, cluster, sum(pairs * weight) as n,
        sum_known(pairs * columns(parts.* exclude (case_no, slot, weight))) as '\0'
    from numbered
    inner join parts using (case_no)
    group by slot, query_id, draw, cluster
    union all by name
    select
        slot, true as is_chance, sum(pairs * weight) as n,
        sum_known(pairs * columns(parts.* exclude (case_no, slot, weight))) as '\0'
    from shapes
    inner join parts using (case_no)
    group by slot
),
final as (
    select slots.* exclude (slot, missed_up_to), summed.* exclude (slot)
    from summed
    inner join slots using (slot)
)
select * from final
