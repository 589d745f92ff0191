-- Relevant pairs of a data set that a run on it lacks: leaving out hard queries raises the mean.
with
wanted as (
    select distinct
        runs.run_id, judgments.query_id,
        case when runs.grouped then judgments.query_id else judgments.item_id end as item_id
    from runs
    inner join judgments using (dataset, qrels, direction)
),
final as (
    select * from wanted anti join ranks using (run_id, query_id, item_id)
)
select * from final
