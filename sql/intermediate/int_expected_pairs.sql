-- Relevant pairs of runs that are asked for expectations over random pools, one row a C. A pool
-- holds the query's relevant items and n of its m_all non-relevant ones.
-- @cluster: The visual item that the query's errors are clustered by.
-- @m_all: Non-relevant gallery items of the query, M.
-- @n: How many of them are drawn, C - R.
-- @offset_: Relevant items certainly before this one.
-- @m: Relevant items that share its score, itself included.
with
asked as (
    select runs.run_id, runs.dataset, runs.qrels, runs.direction, int_pools.candidates
    from runs
    inner join int_pools using (run_id)
    where int_pools.protocol = 'expected'
),
final as (
    select
        asked.run_id, 'expected' as protocol, asked.candidates, asked.dataset, asked.qrels,
        asked.direction,
        ranks.query_id, ranks.relevance, ranks.relevants, ranks.above, ranks.tied,
        ranks.gallery - ranks.relevants as m_all,
        asked.candidates - ranks.relevants as n,
        ranks.relevants_above as offset_,
        ranks.relevants_tied + 1 as m,
        case
            when asked.direction = 'v2t' then ranks.query_id
            when ranks.relevants = 1 then ranks.item_id
            else int_clusters.cluster
        end as cluster
    from ranks
    inner join asked using (run_id)
    left join int_clusters
        on
            asked.direction = 't2v'
            and ranks.relevants > 1
            and int_clusters.dataset = asked.dataset
            and int_clusters.qrels = asked.qrels
            and int_clusters.direction = asked.direction
            and int_clusters.query_id = ranks.query_id
)
select * from final
