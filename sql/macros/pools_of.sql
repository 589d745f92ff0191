-- The pools that a question is about, a row a run, protocol and C: of which = 'asked', those that the
-- run was evaluated for; 'full', the whole gallery alone; 'drawn', those of which pools were drawn, as
-- sampled and as expected; 'any', expected pools of any_c; 'growth', expected pools from 10 items to the
-- whole gallery. A pool holds every relevant item of its query, and no more than the gallery.
pools_of(which, any_c) as table
with
named as (
    select
        run_id, list_length, ks, most_relevants, gallery,
        case which
            when 'full' then [{'protocol': 'full', 'candidates': gallery}]
            when 'any' then [{'protocol': 'expected', 'candidates': any_c::bigint}]
            when 'growth'
                then list_transform(
                    list_distinct(list_append(
                        list_filter(
                            [10, 20, 50, 100, 200, 500, 1000, 2000, 5000, 10000, 20000, 50000, 100000,
                            200000, 500000, 1000000, 2000000, 5000000, 10000000, 20000000, 50000000,
                            100000000, 200000000, 500000000, 1000000000, 2000000000, 5000000000],
                            lambda c: c < gallery
                        ),
                        gallery
                    )),
                    lambda c: {'protocol': 'expected', 'candidates': c}
                )
            else list_concat(
                case
                    when which = 'asked' and list_contains(protocols, 'full')
                        then [{'protocol': 'full', 'candidates': gallery}]
                    else []
                end,
                case
                    when which = 'drawn' or list_contains(protocols, 'expected')
                        then list_transform(
                            list_distinct(case when which = 'drawn' then sampled_candidates else candidates end),
                            lambda c: {'protocol': 'expected', 'candidates': c}
                        )
                    else []
                end,
                case
                    when list_contains(protocols, 'sampled')
                        then list_transform(
                            list_distinct(sampled_candidates),
                            lambda c: {'protocol': 'sampled', 'candidates': c}
                        )
                    else []
                end
            )
        end as every_pool
    from runs
    where which <> 'drawn' or list_contains(protocols, 'sampled')
),
final as (
    select run_id, protocol, candidates, list_length, ks
    from (select * exclude (every_pool), unnest(every_pool, recursive := true) from named)
    where protocol = 'full' or candidates between most_relevants and gallery
)
select * from final
