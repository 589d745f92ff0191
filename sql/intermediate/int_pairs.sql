-- Every relevant pair's counts within a pool that is known: the whole gallery, or a drawn one.
-- @missed_up_to: Length of the run's lists: an item that its list lacks is not in the top K up to it.
-- @cluster: The visual item that the query's errors are clustered by.
with
run_keys as (
    select run_id, dataset, qrels, direction, list_length from runs
),
full_gallery as (
    select
        ranks.run_id, 'full' as protocol, ranks.gallery as candidates, null::integer as draw,
        ranks.query_id, ranks.item_id, ranks.relevance, ranks.above, ranks.tied,
        ranks.relevants_above, ranks.relevants_tied, ranks.relevants
    from ranks
),
drawn as (
    select
        sampled_ranks.run_id, 'sampled' as protocol, sampled_ranks.candidates, sampled_ranks.draw,
        sampled_ranks.query_id, sampled_ranks.item_id, sampled_ranks.relevance,
        sampled_ranks.above, sampled_ranks.tied,
        sampled_ranks.relevants_above, sampled_ranks.relevants_tied, sampled_ranks.relevants
    from sampled_ranks
),
known as (
    select *
    from (select * from full_gallery union all select * from drawn) as every
    semi join int_pools using (run_id, protocol, candidates)
),
final as (
    select
        known.*,
        run_keys.dataset,
        run_keys.qrels,
        run_keys.direction,
        case when known.protocol = 'full' then run_keys.list_length end as missed_up_to,
        case
            when run_keys.direction = 'v2t' then known.query_id
            when known.relevants = 1 then known.item_id
            else int_clusters.cluster
        end as cluster
    from known
    inner join run_keys using (run_id)
    left join int_clusters
        on
            run_keys.direction = 't2v'
            and known.relevants > 1
            and int_clusters.dataset = run_keys.dataset
            and int_clusters.qrels = run_keys.qrels
            and int_clusters.direction = run_keys.direction
            and int_clusters.query_id = known.query_id
)
select * from final
