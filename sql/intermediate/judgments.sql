-- What is relevant to a query, by each set of judgments; a data set's own are named default, and grouped
-- of runs that rank visuals by the best of their captions, which are given here.
with
own as (
    select dataset, 'default' as qrels, text_id, visual_id, relevance
    from qrels
    where relevance > 0
),
further as (
    select * from extra_qrels where relevance > 0
),
final as (
    select dataset, qrels, 't2v' as direction, text_id as query_id, visual_id as item_id, relevance
    from own
    union all
    select dataset, qrels, 'v2t' as direction, visual_id as query_id, text_id as item_id, relevance
    from own
    union all
    select dataset, 'grouped' as qrels, 'v2t' as direction, visual_id as query_id, text_id as item_id, relevance
    from own
    semi join (select dataset from catalogue_runs where "grouped") as ranked using (dataset)
    union all
    select dataset, qrels, 't2v' as direction, text_id as query_id, visual_id as item_id, relevance
    from further
    where direction <> 'v2t'
    union all
    select dataset, qrels, 'v2t' as direction, visual_id as query_id, text_id as item_id, relevance
    from further
    where direction <> 't2v'
)
select * from final
