-- What other quantisers gain over one, by one measure over the whole gallery, query by query:
-- `from quantizer_gains(['3f0c', '81d2', 'a7e1'])`, `… measure_name := 'ndcg', cut := 5)`. In each
-- direction every run is held against the one that is named first, which is meant to be of absmax.
-- Intervals and p hold together for all rows (Bonferroni), and only with 30 visual items or more.
-- @quantizer: How codes were made of the run that is held against the first.
-- @beside: How codes were made of the first.
-- @value: The measure of the run.
-- @value_beside: The measure of the first.
-- @difference: value - value_beside.
-- @ci_low: Lower end of the interval of difference: of all rows together 95%.
-- @ci_high: Upper end of the interval of difference: of all rows together 95%.
-- @p_bonferroni: p of no difference, times the number of rows, up to 1.
-- @clusters: Number of visual items that the errors are clustered by.
quantizer_gains(ids, measure_name := 'recall', cut := 10) as table
with
paired as (
    select
        compared.*, runs.quantizer, first_run.quantizer as beside,
        min(place_a) over (partition by compared.dataset, compared.qrels, compared.direction)
            as first_place
    from compared(ids, 'full', measure_name, cut, false) as compared
    inner join runs on runs.run_id = compared.run_b
    inner join runs as first_run on first_run.run_id = compared.run_a
    where compared.run_a <> compared.run_b and compared.difference is not null
),
counted as (
    select
        *, count(*) over () as many,
        case when clusters >= fewest_clusters() then t_quantile(clusters, looks := many) end as t
    from paired
    where place_a = first_place
),
final as (
    select
        dataset, qrels, direction, run_b as run_id, quantizer, beside, measure, k,
        value_b as value, value_a as value_beside, difference,
        difference_end(
            total, reach_at(t, spread, piece(dd, ad, 1, -total)), queries, better, -1
        ) as ci_low,
        difference_end(
            total, reach_at(t, spread, piece(dd, ad, 1, total)), queries, better, 1
        ) as ci_high,
        case when t is not null then least(1.0, p * many) end as p_bonferroni,
        clusters
    from counted
    order by dataset, qrels, direction, place_b
)
select * from final
