-- How far each query's list agrees with an exact search at every K up to its length, for runs that
-- return lists: the share of its top K above which the exact search puts fewer than K items.
-- @agreed: Share of the top K, of the gallery if that is smaller.
with
asked as (
    select
        runs.run_id, runs.dataset, runs.qrels, runs.direction, runs.gallery, int_cutoffs.k,
        least(int_cutoffs.k, runs.gallery) as top
    from runs
    inner join int_cutoffs using (run_id)
    inner join int_pools
        on
            int_pools.run_id = runs.run_id
            and int_pools.protocol = 'full'
            and int_pools.candidates = runs.gallery
    where int_cutoffs.k <= runs.list_length
),
queries as (
    select distinct run_id, query_id from ranks
),
final as (
    select
        asked.run_id, asked.dataset, asked.qrels, asked.direction, asked.gallery, asked.k,
        queries.query_id,
        count(*) filter (hits.position <= asked.k and hits.exact_above < asked.k)
        / max(asked.top) as agreed
    from asked
    inner join queries using (run_id)
    left join hits on hits.run_id = asked.run_id and hits.query_id = queries.query_id
    group by
        asked.run_id, asked.dataset, asked.qrels, asked.direction, asked.gallery, asked.k,
        queries.query_id
)
select * from final
