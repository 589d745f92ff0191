-- The visual item that a query's errors are clustered by: its own, or its first relevant one.
-- @cluster: A visual's id.
with
judged as (
    select * from qrels where relevance > 0
),
final as (
    select dataset, 't2v' as direction, text_id as query_id, min(visual_id) as cluster
    from judged
    group by dataset, text_id
    union all
    select distinct dataset, 'v2t' as direction, visual_id as query_id, visual_id as cluster
    from judged
)
select * from final
