-- Sums of every measure, computed from ranks, for each run, pool (see pools_of) and K: over the queries of
-- a visual item, one column per measure; or, with by_query, for each query and draw, one row per measure
-- (measure, value), or in columns as well with in_columns. The rows with is_chance, one per run, pool and
-- K, have what a random ranking expects, summed over all queries. of_runs: prefixes of the selected
-- run_ids; NULL for all. held_out: use the ranks on which claims are based (evidence). Pairs with the same
-- counts have the same value, so each distinct case is computed once. A random ranking is the case in
-- which everything ties; with_chance adds it by query, in rows with is_chance (in_columns, whole gallery).
-- only_pools: only measures that are known over candidate pools, too. moments: what those of the clusters add
-- up to (moments_of), one row per run, pool, K and measure; of the clusters whose pairs have the same counts,
-- only the first is summed, as often as there are such.
-- What the arguments rule out is not planned, because query_table names what is read instead.
-- @n: Number of queries; each draw counts.
create macro sums(
    which, any_c, any_k, by_query := false, of_runs := null, in_columns := false, held_out := false,
    with_chance := false, only_pools := false, moments := false
)
as table
with
slots as materialized (
    select
        row_number() over () as slot, run_id, protocol, candidates, k,
        case protocol when 'sampled' then candidates else 0 end as pool,
        case protocol when 'full' then list_length end as missed_up_to,
        -- Beyond a pool's last item, all K have the same value.
        least(k, candidates + 1) as depth
    from pools_of(which, any_c, any_k)
    where begins_with(run_id, of_runs)
),
-- Unknown values are -1 here, because NULL joins nothing; a pair of the whole gallery has pool 0. Gains are
-- text, which is grouped and joined faster than lists.
gallery_pairs as not materialized (
    select
        run_id, 0::bigint as pool, case when by_query then query_id end as query_id, null::integer as draw,
        cluster, relevants, gallery, coalesce(above, -1) as above, coalesce(tied, -1) as tied,
        relevants_above as before, coalesce(relevants_tied, -1) as mates, relevance,
        coalesce(ideal_gains::varchar, '[]') as gains, false as is_chance, case_no, case_pairs,
        case when moments then coalesce(alike, 1) else 1 end as times
    from query_table(case when held_out then 'evidence' else 'ranks' end)
    where begins_with(run_id, of_runs) and (not moments or alike is distinct from 0)
),
pool_pairs as not materialized (
    select
        run_id, candidates as pool, case when by_query then query_id end as query_id,
        case when by_query then draw end as draw,
        cluster, relevants, 0::bigint as gallery, coalesce(above, -1) as above, coalesce(tied, -1) as tied,
        relevants_above as before, coalesce(relevants_tied, -1) as mates, relevance,
        coalesce(ideal_gains::varchar, '[]') as gains, false as is_chance, case_no, case_pairs,
        case when moments then coalesce(alike, 1) else 1 end as times
    from sampled_ranks
    where begins_with(run_id, of_runs) and (not moments or alike is distinct from 0)
),
-- A hit of a list has no relevant items, and has its position and rank in above and tied.
list_pairs as (
    select
        run_id, 0::bigint as pool, case when by_query then query_id end as query_id, null::integer as draw,
        cluster, 0::bigint as relevants, 0::bigint as gallery, position::bigint as above, exact_above as tied,
        0::bigint as before, 0::bigint as mates, 1 as relevance, '[]' as gains, false as is_chance,
        1::bigint as times
    from hits
    where exact_above is not null and begins_with(run_id, of_runs)
),
random_pairs as (
    select
        run_id, 0::bigint as pool, query_id, null::integer as draw, cluster, relevants, gallery, 0 as above,
        gallery - relevants as tied, 0 as before, relevants - 1 as mates, relevance,
        coalesce(ideal_gains::varchar, '[]') as gains, true as is_chance, 1::bigint as times
    from query_table(case when held_out then 'evidence' else 'ranks' end)
    where begins_with(run_id, of_runs)
),
no_pairs as (
    select null::varchar as run_id where false
),
ranked_pairs as not materialized (
    from query_table(case when which = 'sampled' then 'no_pairs' else 'gallery_pairs' end)
    union all by name
    from query_table(case when which in ('asked', 'drawn', 'sampled') then 'pool_pairs' else 'no_pairs' end)
),
-- Cases that the ranks number already: distinct among all runs together with the run's and pool's first slot.
bases as materialized (
    select run_id, pool, min(slot) as base from slots group by run_id, pool
),
known_pairs as not materialized (
    select ranked_pairs.* replace (base * 4294967296 + case_no as case_no)
    from ranked_pairs
    inner join bases using (run_id, pool)
),
known_cases as (
    select * exclude (query_id, draw, cluster, times, case_pairs), case_pairs as pairs
    from known_pairs
    where case_pairs > 0
),
known_numbers as (
    select case_no, is_chance, relevants, query_id, draw, cluster, times from known_pairs
),
-- Those of earlier versions' runs, of lists and of random rankings are numbered here.
pairs as materialized (
    select * exclude (case_no, case_pairs) from ranked_pairs
    union all by name
    from query_table(case when which in ('asked', 'full') then 'list_pairs' else 'no_pairs' end)
    union all by name
    from query_table(case when with_chance then 'random_pairs' else 'no_pairs' end)
),
found_cases as (
    select row_number() over () as case_no, *
    from (select * exclude (query_id, draw, cluster, times), sum(times)::bigint as pairs from pairs group by all)
),
cases as materialized (
    from query_table(case when cases_are_known() and not with_chance then 'known_cases' else 'found_cases' end)
),
found_numbers as (
    select
        cases.case_no, cases.is_chance, relevants, pairs.query_id, pairs.draw, pairs.cluster, pairs.times
    from pairs
    inner join cases using (run_id, pool, relevants, gallery, above, tied, before, mates, relevance, gains, is_chance)
),
asked as materialized (
    select
        cases.* exclude (run_id, pool) replace (
            nullif(above, -1) as above, nullif(tied, -1) as tied, nullif(mates, -1) as mates,
            gains::integer[] as gains
        ),
        slots.* exclude (run_id, pool), gallery - relevants as others, candidates - relevants as drawn
    from cases
    inner join slots using (run_id, pool)
    where cases.relevants > 0 or slots.protocol = 'full'
),
shapes as materialized (
    select
        -- Those of cases are 0 or more.
        -row_number() over () as case_no,
        slot, k, protocol, candidates, missed_up_to, relevants, relevance, gains, true as is_chance, sum(pairs) as pairs,
        0 as above, candidates - relevants as tied, 0 as before, relevants - 1 as mates
    from asked
    where relevants > 0
    group by slot, k, protocol, candidates, missed_up_to, relevants, relevance, gains
),
random as (
    select *, pairs::bigint as times, above + before as base, tied + mates + 1 as size
    from shapes
),
no_cases as (
    select null::bigint as case_no where false
),
-- In a known pool an item's place in its group of ties is uniform. If m relevant items share the best
-- score with T competitors, mixed_reciprocal gives the first of them.
known as (
    select
        *, 1.0 / relevants as weight,
        case when k <= missed_up_to then 0.0 end as missed_k,
        case when above is null then missed_k else inside_share(k, base, size) end as inside,
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
        -- Measures without a K are needed only once.
        case
            when k <> coalesce(any_k, 1) then null
            when before > 0 then 0.0
            when tied = 0 then 1.0 / (above + 1) / (mates + 1)
            when mates = 0 then (harmonic(above + tied + 1) - harmonic(above)) / (tied + 1)
            -- By sum_r C(N-r, m-1) / r = C(N, m-1) (H(N) - H(m-1)), m = mates + 1; only if the
            -- difference is not small. For a random ranking, where everything ties.
            when above = 0 and tied > mates
                then (harmonic(tied + mates + 1) - harmonic(mates)) / (tied + 1)
            else mixed_reciprocal(above, tied, mates, tied + 1)
        end as reciprocal,
        case
            when before > 0 or above >= k then 0.0
            when above is null then missed_k
            when tied = 0 then 1.0 / (above + 1) / (mates + 1)
            when mates = 0
                then (harmonic(least(k, above + tied + 1)) - harmonic(above)) / (tied + 1)
            else mixed_reciprocal(above, tied, mates, least(k - above, tied + 1))
        end as reciprocal_k
    from (
        select
            * exclude (gallery, others, drawn, depth), 1::bigint as times, above + before as base,
            tied + mates + 1 as size
        from asked
        where protocol <> 'expected' and relevants > 0
        union all by name
        from query_table(case when by_query then 'no_cases' else 'random' end)
    )
),
-- The same with what only the whole gallery has.
known_whole as (
    select
        *,
        case when relevants <= missed_up_to then 0.0 end as missed_r,
        case when above is null then missed_r else inside_share(relevants, base, size) end as inside_r,
        case
            when protocol = 'full' and above is not null
                then precision_inside(base + size, base, size, before, mates)
        end as precision,
        case
            when protocol <> 'full' then null
            when above is null then missed_r
            else precision_inside(relevants, base, size, before, mates)
        end as precision_r,
        case
            when protocol <> 'full' then null
            when before > 0 then 0.0
            else (above + 1 + tied / (mates + 2)) / (mates + 1)
        end as first_rank,
        -- For lists only: a random list's value depends only on its shape.
        case
            when k > missed_up_to then null
            when is_chance then least(k, candidates) / candidates / relevants
            when missed_up_to is not null then 0.0
        end as agreed
    from known
),
-- Every order inside the ties, with its probability: u competitors and v relevant items come first. If one
-- item ties only with competitors, the mean over its places is a difference of prefix sums, by
-- Σ P(X = x) over b' <= b = (M+1) / (n+1) P(Y > x), Y ~ Hypergeometric(M+1, b+1, n+1): two rows, its ends.
orders as materialized (
    select
        * exclude (others, drawn), others as m_all, drawn as n,
        others + is_end::bigint as others, drawn + is_end::bigint as drawn,
        above + case when is_end then u * (tied + 1) else u end as b, before + v as place,
        case
            when is_end then (1 - 2 * u) * (m_all + 1) / ((n + 1) * (tied + 1))
            when tied = 0 then 1.0 / (mates + 1)
            else pool_odds(tied + mates, mates, u + v, v, v - mates * (u + v) / (tied + mates)) / (tied + mates + 1)
        end as share
    from (
        select *, unnest(range(0, case when is_end then 2 when mates = 0 then 1 else tied + 1 end)) as u
        from (
            select *, tied > 0 and mates = 0 as is_end, unnest(range(0, mates + 1)) as v
            from (
                select distinct others, drawn, above, tied, before, mates, depth
                from asked
                where protocol = 'expected' and above is not null
            )
        )
    )
),
odds as (
    select
        others, drawn, b,
        list_transform(
            range(0, longest),
            lambda x: odds_within(others, b, drawn, x, x - b * drawn / greatest(others, 1), rest)
        ) as odds
    from (
        select
            others, drawn, b, margin_rest(others, b, drawn) as rest,
            greatest(max(depth - place), 0) as longest
        from orders
        group by others, drawn, b
    )
),
-- E[1 / rank] in such ties is the difference of E[H(Y)] at the ends, H the harmonic numbers, and that is
-- H(b) minus a sum over what pools miss, whose terms vanish from `faded` on.
prefixes as (
    select
        others, drawn, b,
        sum(miss_odds(others, b, drawn) / b)
            over (partition by others, drawn order by b rows unbounded preceding) as missed
    from (
        select others, drawn, unnest(range(1, least(max(b), faded(others, drawn)) + 1)) as b
        from orders
        where is_end
        group by others, drawn
    )
),
drawn_values as (
    select
        m_all as others, n as drawn, above, tied, before, mates, depth,
        sum(share * valued) as inside,
        sum(share * coalesce(list_sum(list_transform(
            odds,
            lambda odd, x: odd * case
                when is_end then discount_sum(depth) - discount_sum(place + x - 1)
                else 1 / log2(place + x + 1)
            end
        )), 0.0)) as discounted,
        sum(share * valued) filter (place = 0) as first_k,
        sum(share * case
            when is_end then coalesce(prefixes.missed, 0.0) - harmonic(orders.b)
            -- E[1 / (1 + X)] = (M+1) / ((b+1)(n+1)) (1 - C(M-b, n+1) / C(M+1, n+1)), at most 1.
            when orders.b = 0 then 1.0
            else (m_all + 1) / ((orders.b + 1) * (n + 1)) * (1 - miss_odds(m_all + 1, orders.b + 1, n + 1))
        end) filter (place = 0) as reciprocal,
        sum(share * coalesce(list_sum(list_transform(
            odds,
            lambda odd, x: odd * case
                when is_end then harmonic(depth) - harmonic(place + x - 1)
                else 1 / (place + x)
            end
        )), 0.0)) filter (place = 0) as reciprocal_k
    from (
        select
            orders.*, odds.odds[:greatest(depth - place, 0)] as odds,
            coalesce(list_sum(list_transform(
                odds.odds[:greatest(depth - place, 0)],
                lambda odd, x: odd * case when is_end then depth - place - x + 1 else 1 end
            )), 0.0) as valued
        from orders
        left join odds using (others, drawn, b)
    ) as orders
    left join prefixes
        on prefixes.others = orders.others and prefixes.drawn = orders.drawn
            and is_end and prefixes.b = least(orders.b, faded(orders.others, orders.drawn))
    group by m_all, n, above, tied, before, mates, depth
),
pool_parts as (
    select
        asked.case_no, asked.slot, asked.protocol, asked.k, asked.missed_up_to, 1::bigint as times,
        1.0 / asked.relevants as weight, asked.relevants, asked.relevance, asked.gains,
        found.inside, found.discounted,
        case when asked.before > 0 then 0.0 else found.first_k end as first_k,
        case when asked.before > 0 then 0.0 else found.reciprocal end as reciprocal,
        case when asked.before > 0 then 0.0 else found.reciprocal_k end as reciprocal_k
    from asked
    left join drawn_values as found using (others, drawn, above, tied, before, mates, depth)
    where asked.protocol = 'expected'
),
list_parts as (
    select
        case_no, slot, protocol, k, missed_up_to, 1::bigint as times, 0.0 as weight, 1 as relevants, 0 as relevance,
        [] as gains, 0.0 as inside, 0.0 as inside_r, 0.0 as discounted, 0.0 as first_k, 0.0 as reciprocal,
        0.0 as reciprocal_k, 0.0 as precision, 0.0 as precision_r, 0.0 as first_rank,
        (above <= k and tied < k)::double / least(k, candidates) as agreed
    from asked
    where relevants = 0
),
expected as (
    from query_table(
        case
            when by_query and which in ('any', 'expected', 'growth') then 'no_cases'
            when with_whole(which, only_pools) then 'known_whole'
            else 'known'
        end
    )
    union all by name
    from query_table(case when which in ('full', 'sampled') then 'no_cases' else 'pool_parts' end)
    union all by name
    from query_table(
        case when with_whole(which, only_pools) and not cases_are_known() then 'list_parts' else 'no_cases' end
    )
),
gained as (
    select
        *,
        relevance / ideal_sum(k, relevants, gains, false) as gain,
        (2 ** relevance - 1) / ideal_sum(k, relevants, gains, true) as gain_exp
    from expected
),
parts_of_pools as (
    select case_no, slot, protocol, k, missed_up_to, times, weight, unnest(measured(gained, k))
    from gained
),
parts_of_all as (
    select
        case_no, slot, protocol, k, missed_up_to, times, weight, unnest(measured(gained, k)),
        unnest(measured_whole(gained))
    from gained
),
-- What a case adds to a sum, once for each of its pairs, but at once for all that are ranked at random. There
-- are many more pairs than cases, so they are not tested for NULL: unknown values are NaN, as is their sum.
parts as materialized (
    select
        case_no, slot, protocol, k, missed_up_to, times * weight as weight,
        times * coalesce(
            struct_extract(
                columns(* exclude (case_no, slot, protocol, k, missed_up_to, times, weight)), 'part'
            ), 'nan'::double
        ) as '\0'
    from query_table(
        case
            when with_whole(which, only_pools) and not whole_apart(moments) then 'parts_of_all' else 'parts_of_pools'
        end
    )
),
numbered as (
    from query_table(
        case when cases_are_known() and not with_chance then 'known_numbers' else 'found_numbers' end
    )
),
-- A random ranking has no cluster, which is -1 here.
with_random as (
    select case_no, cluster, times from numbered
    union all by name
    select case_no, -1 as cluster from shapes
),
-- NaN where it is unknown.
weighted_clusters as (
    select
        slot, cluster, any_value(times) as times, sum(weight) as n,
        sum(columns(parts.* exclude (case_no, slot, protocol, k, missed_up_to, weight))) as '\0'
    from with_random
    inner join parts using (case_no)
    group by slot, cluster
),
of_clusters as (
    select
        slot, coalesce(cluster = -1, false) as is_chance, null::varchar as query_id, null::integer as draw, cluster, n,
        nullif(columns(* exclude (slot, cluster, times, n)), 'nan'::double) as '\0',
        null::varchar as measure, null::double as value
    from weighted_clusters
),
-- Of the clusters' sums, Σ n, Σ n², and for every measure Σ s, Σ s² and Σ n s.
cluster_moments as (
    select
        slot,
        sum(times) filter (cluster is distinct from -1)::bigint as clusters,
        sum(times * n) filter (cluster is distinct from -1) as weight,
        sum(times * n * n) filter (cluster is distinct from -1) as nn,
        moments_of(n, cluster is not distinct from -1, columns(* exclude (slot, cluster, times, n)), times := times)
            as '\0'
    from weighted_clusters
    group by slot
),
-- Measures that only the whole gallery has are summed apart, because most rows are of pools, which lack them.
whole_parts as (
    select
        case_no, slot, times * weight as weight,
        times * coalesce(
            struct_extract(columns(* exclude (case_no, slot, times, weight)), 'part'), 'nan'::double
        ) as '\0'
    from (
        select case_no, slot, times, weight, unnest(measured_whole(gained))
        from gained
        where protocol = 'full'
    )
),
whole_clusters as (
    select
        slot, cluster, any_value(times) as times, sum(weight) as n,
        sum(columns(whole_parts.* exclude (case_no, slot, weight))) as '\0'
    from with_random
    inner join whole_parts using (case_no)
    group by slot, cluster
),
whole_moments as (
    select
        slot,
        moments_of(n, cluster is not distinct from -1, columns(* exclude (slot, cluster, times, n)), times := times)
            as '\0'
    from whole_clusters
    group by slot
),
no_moments as (
    select null::bigint as slot where false
),
of_moments as (
    select slot, measure, clusters, weight, nn, unnest(moment)
    from (
        select *
        from cluster_moments
        left join query_table(
            case when with_whole(which, only_pools) and whole_apart(moments) then 'whole_moments' else 'no_moments' end
        ) using (slot)
    )
    unpivot include nulls (moment for measure in (columns(* exclude (slot, clusters, weight, nn))))
),
of_queries as (
    select
        slot, is_chance, query_id, draw, cluster, null::double as n,
        nullif(
            sum(columns(parts.* exclude (case_no, slot, protocol, k, missed_up_to, weight))), 'nan'::double
        ) as '\0',
        null::varchar as measure, null::double as value
    from numbered
    inner join parts using (case_no)
    group by slot, is_chance, query_id, draw, cluster
),
-- Measure by measure, so that only the requested ones are summed. A query has no median of its own, and only
-- what returns lists agrees with them.
each_part as not materialized (
    select of_each.case_no, of_each.slot, of_each.measure, of_each.part, measures.of
    from parts
    unpivot (
        part for measure in (columns(* exclude (case_no, slot, protocol, k, missed_up_to, weight)))
    ) as of_each
    inner join measures using (measure)
    where
        known_here(measures, of_each, any_k)
        and measures.of <> 'median'
        and (measures.of <> 'lists' or of_each.missed_up_to is not null)
),
-- Most queries have one relevant item, which is all of their sum.
of_measures as (
    select
        slot, null::boolean as is_chance, query_id, draw, cluster, null::double as n,
        measure,
        nullif(part, 'nan'::double) as value
    from numbered
    inner join each_part using (case_no)
    where relevants = 1 and each_part.of <> 'lists'
    union all
    select
        slot, null::boolean as is_chance, query_id, draw, cluster, null::double as n,
        measure,
        nullif(sum(part), 'nan'::double) as value
    from numbered
    inner join each_part using (case_no)
    -- Where they are known, no run has lists.
    where relevants > 1 or (each_part.of = 'lists' and not cases_are_known())
    group by slot, query_id, draw, cluster, measure
),
summed as (
    from query_table(
        case
            when moments then 'of_moments'
            when not by_query then 'of_clusters'
            when in_columns then 'of_queries'
            else 'of_measures'
        end
    )
),
final as (
    select slots.run_id, slots.protocol, slots.candidates, slots.k, summed.* exclude (slot)
    from summed
    inner join slots using (slot)
)
select * from final;
