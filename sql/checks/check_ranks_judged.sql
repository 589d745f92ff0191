-- Rows of ranks whose pair is not judged relevant in its data set.
with
pairs as (
    select
        ranks.run_id, runs.dataset, ranks.query_id, ranks.item_id,
        case when runs.direction = 't2v' then ranks.query_id else ranks.item_id end as text_id,
        case when runs.direction = 't2v' then ranks.item_id else ranks.query_id end as visual_id
    from ranks
    inner join runs using (run_id)
),
final as (
    select run_id, query_id, item_id
    from pairs
    anti join qrels using (dataset, text_id, visual_id)
)
select * from final
