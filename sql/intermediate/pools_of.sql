-- The pools that a query is about, one row per run, protocol, C and K. which = 'asked': those for which
-- the run was evaluated; 'full': only the whole gallery; 'drawn': those for which pools were drawn, both as
-- sampled and as expected; 'any': expected pools of any_c; 'growth': expected pools from 10 items to the
-- whole gallery. A pool contains every relevant item of its query, and at most the whole gallery.
-- any_k: one K instead of the runs' own.
create macro pools_of(which, any_c, any_k) as table
select run_id, list_length, pool.protocol, pool.candidates, pool.k
from (
    select
        run_id, list_length,
        unnest(flatten(list_transform(
            list_filter(
                case which
                    when 'full' then [{'protocol': 'full', 'candidates': gallery}]
                    when 'any' then named_pools('expected', [any_c::bigint])
                    when 'expected' then pools_if(protocols, 'expected', candidates)
                    when 'sampled' then pools_if(protocols, 'sampled', sampled_candidates)
                    when 'growth'
                        then named_pools('expected', list_append(
                            list_filter(growing(), lambda c: c < gallery), gallery
                        ))
                    when 'drawn'
                        then list_concat(
                            named_pools('expected', sampled_candidates),
                            named_pools('sampled', sampled_candidates)
                        )
                    else list_concat(
                        pools_if(protocols, 'full', [gallery]),
                        pools_if(protocols, 'expected', candidates),
                        pools_if(protocols, 'sampled', sampled_candidates)
                    )
                end,
                lambda one: one.protocol = 'full' or one.candidates between most_relevants and gallery
            ),
            lambda one: list_transform(
                cutoffs(any_k, ks),
                lambda k: {'protocol': one.protocol, 'candidates': one.candidates, 'k': k}
            )
        ))) as pool
    from (select * replace (list_transform(protocols, lambda one: plain_protocol(one)) as protocols) from runs)
    where which <> 'drawn' or list_contains(protocols, 'sampled')
);
