-- Relevant pairs of a data set that a run on it lacks: leaving out hard queries raises the mean.
with
wanted as (
    select
        runs.run_id, judgments.query_id, judgments.item_id
    from runs
    inner join judgments using (dataset, qrels, direction)
),
final as (
    select * from wanted anti join ranks using (run_id, query_id, item_id)
)
select * from final
