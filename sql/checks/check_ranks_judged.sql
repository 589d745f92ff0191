-- Rows of ranks whose pair is not judged relevant in its data set; of grouped runs, which rank visuals, those
-- of a visual with another, or without a caption.
with
pairs as (
    select
        ranks.run_id, runs.dataset, runs.qrels, runs.direction, ranks.query_id, ranks.item_id, runs.grouped
    from ranks
    inner join runs using (run_id)
),
final as (
    select run_id, query_id, item_id
    from (select * from pairs where not pairs.grouped) as pairs
    anti join judgments using (dataset, qrels, direction, query_id, item_id)
    union all
    select run_id, query_id, item_id
    from (select *, query_id = item_id as is_own from pairs where pairs.grouped) as pairs
    anti join (
        select distinct dataset, qrels, query_id, true as is_own from judgments where qrels = 'grouped'
    ) as judged using (dataset, qrels, query_id, is_own)
)
select * from final
