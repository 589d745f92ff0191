-- Representations that work in one direction but not in the other: one direction's ground truth is
-- inverted, or one side's vectors are in a different order.
-- @good: The direction that works.
-- @bad: The direction that does not.
-- @says: What is wrong, in plain words.
with
lifts as (
    select dataset, qrels, model, dim, dim_method, precision, scorer, direction, lift, chance
    from metrics
    where measure = 'recall' and k = 10 and protocol = 'full' and chance < 0.1
),
final as (
    select
        x.dataset, x.qrels, x.model, x.dim, x.dim_method, x.precision,
        x.direction as good,
        y.direction as bad,
        x.direction || ' finds ' || round(x.lift, 1) || ' times as much as chance, but '
        || y.direction || ' ' || round(y.lift, 1)
        || ' times: the judgments of one direction are inverted' as says
    from lifts as x
    inner join lifts as y
        on
            y.dataset = x.dataset
            and y.qrels = x.qrels
            and y.model = x.model
            and y.dim = x.dim
            and y.dim_method = x.dim_method
            and y.precision = x.precision
            and y.scorer = x.scorer
            and y.direction <> x.direction
    where x.lift > 10 and y.lift < 2
)
select * from final
