-- Relevant pairs of a data set that a run on it lacks: a query left out raises the mean.
with
wanted as (
    select
        runs.run_id,
        case when runs.direction = 't2v' then qrels.text_id else qrels.visual_id end as query_id,
        case when runs.direction = 't2v' then qrels.visual_id else qrels.text_id end as item_id
    from runs
    inner join qrels using (dataset)
    where qrels.relevance > 0
),
final as (
    select * from wanted anti join ranks using (run_id, query_id, item_id)
)
select * from final
