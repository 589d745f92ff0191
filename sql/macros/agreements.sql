-- How far each query's list agrees with an exact search, for runs that return lists and were asked for
-- the whole gallery: the share of its top K above which the exact search puts fewer than K items, at
-- every K up to the list's length. any_k: one K instead of those that the runs were asked for.
-- @value: Share of the top K, of the gallery if that is smaller.
agreements(any_k) as table
with
asked as (
    select
        run_id, gallery, list_length, unnest(cutoffs(any_k, ks)) as k
    from runs
    where list_length is not null and list_contains(protocols, 'full')
),
queries as (
    select distinct run_id, query_id, cluster from ranks semi join asked using (run_id)
),
final as (
    select
        run_id, 'full' as protocol, asked.gallery as candidates, query_id, queries.cluster,
        'ann_recall' as measure, asked.k,
        count(*) filter (hits.position <= asked.k and hits.exact_above < asked.k)
        / least(asked.k, asked.gallery) as value,
        least(asked.k, asked.gallery) / asked.gallery as chance
    from asked
    inner join queries using (run_id)
    left join hits using (run_id, query_id)
    where asked.k <= asked.list_length
    group by run_id, asked.gallery, query_id, queries.cluster, asked.k
)
select * from final
