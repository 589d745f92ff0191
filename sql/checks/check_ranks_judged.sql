-- Rows of ranks whose pair is not judged relevant in its data set.
with
pairs as (
    select
        ranks.run_id, runs.dataset, runs.qrels, runs.direction, ranks.query_id, ranks.item_id
    from ranks
    inner join runs using (run_id)
),
final as (
    select run_id, query_id, item_id
    from pairs
    anti join judgments using (dataset, qrels, direction, query_id, item_id)
)
select * from final
