-- The best DCG a query can reach at every K, for queries whose judgments are graded; binary
-- ones have a closed form.
-- @ideal: Best DCG with gain = relevance.
-- @ideal_exp: Best DCG with gain = 2^relevance - 1.
with
judged as (
    select dataset, 't2v' as direction, text_id as query_id, relevance
    from qrels where relevance > 0
    union all
    select dataset, 'v2t' as direction, visual_id as query_id, relevance
    from qrels where relevance > 0
),
graded as (
    select dataset, direction, query_id
    from judged
    group by all
    having max(relevance) > 1
),
placed as (
    select
        judged.*,
        row_number() over (
            partition by judged.dataset, judged.direction, judged.query_id
            order by judged.relevance desc
        ) as place
    from judged
    semi join graded using (dataset, direction, query_id)
),
cutoffs as (
    select distinct runs.dataset, runs.direction, int_cutoffs.k
    from int_cutoffs
    inner join runs using (run_id)
),
final as (
    select
        placed.dataset,
        placed.direction,
        placed.query_id,
        cutoffs.k,
        sum(relevance / log2(place + 1)) as ideal,
        sum((2 ** relevance - 1) / log2(place + 1)) as ideal_exp
    from placed
    inner join cutoffs using (dataset, direction)
    where place <= cutoffs.k
    group by all
)
select * from final
