-- The best DCG a query can reach at every K, for queries whose judgments are graded; binary
-- ones have a closed form.
-- @ideal: Best DCG with gain = relevance.
-- @ideal_exp: Best DCG with gain = 2^relevance - 1.
with
graded as (
    select dataset, qrels, direction, query_id
    from judgments
    group by all
    having max(relevance) > 1
),
placed as (
    select
        judgments.*,
        row_number() over (
            partition by
                judgments.dataset, judgments.qrels, judgments.direction, judgments.query_id
            order by judgments.relevance desc
        ) as place
    from judgments
    semi join graded using (dataset, qrels, direction, query_id)
),
cutoffs as (
    select distinct runs.dataset, runs.qrels, runs.direction, int_cutoffs.k
    from int_cutoffs
    inner join runs using (run_id)
),
final as (
    select
        placed.dataset,
        placed.qrels,
        placed.direction,
        placed.query_id,
        cutoffs.k,
        sum(relevance / log2(place + 1)) as ideal,
        sum((2 ** relevance - 1) / log2(place + 1)) as ideal_exp
    from placed
    inner join cutoffs using (dataset, qrels, direction)
    where place <= cutoffs.k
    group by all
)
select * from final
