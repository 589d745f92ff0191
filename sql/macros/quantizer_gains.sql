-- What other quantisers gain over one, by one measure over the whole gallery, query by query:
-- `from quantizer_gains(['3f0c', '81d2', 'a7e1'])`, `… measure_name := 'ndcg', cut := 5)`. In each
-- direction every run is compared with the one named first, which should use absmax. Intervals and p hold
-- simultaneously for all rows (Bonferroni), and exist only with 30 visual items or more.
-- @quantizer: Quantiser of the run that is compared with the first.
-- @beside: Quantiser of the first run.
-- @value: The measure of the run.
-- @value_beside: The measure of the first run.
-- @difference: value - value_beside.
-- @ci_low: Lower end of the interval of difference: 95% for all rows together.
-- @ci_high: Upper end of the interval of difference: 95% for all rows together.
-- @p_bonferroni: p-value of no difference, times the number of rows, at most 1.
-- @clusters: Number of visual items by which the errors are clustered.
create macro quantizer_gains(ids, measure_name := 'recall', cut := 10) as table
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
        case when clusters >= fewest_clusters() then t_among(clusters, many) end as t
    from paired
    where place_a = first_place
),
final as (
    select
        dataset, qrels, direction, run_b as run_id, quantizer, beside, measure, k,
        value_b as value, value_a as value_beside, difference,
        difference_end(
            total, reach_at(t, spread, piece(dd, ad, nn / queries, -total)), queries, better, -1
        ) as ci_low,
        difference_end(
            total, reach_at(t, spread, piece(dd, ad, nn / queries, total)), queries, better, 1
        ) as ci_high,
        case when t is not null then least(1.0, p * many) end as p_bonferroni,
        clusters
    from counted
    order by dataset, qrels, direction, place_b
)
select * from final;
