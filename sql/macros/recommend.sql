-- The representation with the fewest bytes that is sure to keep a share of each measure of native fp32:
-- `from recommend()`, `from recommend(retain := 0.95)`. Sure means that retention's sure_low, which holds
-- for all candidates together, is at least that share. The columns point_… describe the smallest whose
-- retention itself is, which a repeated measurement may well not confirm. If no advice is justified, or
-- there are too few visual items for that share, unearned says so, and nothing is sure. across := true
-- chooses among all models of a data set that has several, and asks for a share of the best model's
-- measures: of each, of the model whose baseline is best by it, though of several close models another may
-- be the best (`compare`).
-- @model: The model; across models, that of the smallest that is sure.
-- @baseline_model: The model of the baseline; across models, the best one by the measure.
-- @point_model: Model of the smallest whose retention itself suffices.
-- @retention: The measure / the baseline's.
-- @ci_low: Lower end of the 95% interval of retention.
-- @ci_high: Upper end of the 95% interval of retention.
-- @sure_low: Lower bound of retention that holds for all candidate runs together in 97.5% of samples.
-- @looks: Number of candidate runs that could replace the baseline.
-- @unseen_share: The smallest loss that is detected with 80% power, as a share of the baseline's measure,
-- for the run with the least power.
-- @baseline: The run it is compared with: fp32 at the native dimension, else the finest that is not expanded.
-- @baseline_is: native fp32, or finest available.
-- @point_run_id: Run of the smallest whose retention itself suffices.
-- @point_dim: Dimension of the smallest whose retention itself suffices.
-- @point_dim_method: Dimension method of the smallest whose retention itself suffices.
-- @point_precision: Precision of the smallest whose retention itself suffices.
-- @point_variant: Quantiser and search of the smallest whose retention itself suffices.
-- @point_vector_bytes: Bytes per vector of the smallest whose retention itself suffices.
-- @point_retention: Retention of the smallest whose retention itself suffices.
-- @point_ci_low: Lower end of the 95% interval of point_retention.
-- @point_ci_high: Upper end of the 95% interval of point_retention.
-- @unearned: Why nothing is recommended, in words; NULL where the representations decide.
create macro recommend(retain := 0.99, across := false) as table
with
kept as (
    select
        * replace (coalesce(baseline_model, model) as baseline_model),
        case when across is distinct from true then model end as of_model
    from (
        select null::varchar as baseline_model where false
        union all by name
        -- Of the two, only one is planned.
        from query_table(case when across then 'across_models' else 'retention' end)
    )
),
weighed as (
    select
        *,
        coalesce(
            case when seen is null then unearned end,
            case when alike_low < retain then too_few(clusters, alike_low, retain) end
        ) as why_not,
        why_not is null and unearned is null and sure_low >= retain as is_sure,
        unearned is null and retention >= retain as is_near,
        {
            'model': model, 'run_id': run_id, 'dim': dim, 'dim_method': dim_method,
            'precision': precision, 'variant': variant, 'vector_bytes': vector_bytes,
            'retention': retention, 'ci_low': ci_low, 'ci_high': ci_high, 'sure_low': sure_low
        } as it
    from kept
    where value is not null
),
chosen as (
    select
        dataset, qrels, of_model, direction, scorer, measure, k,
        first(it order by vector_bytes, round(retention, 10) desc, run_id)
            filter (is_sure) as sure,
        first(it order by vector_bytes, round(retention, 10) desc, run_id)
            filter (is_near) as point,
        max(looks) as looks,
        max(unseen) filter (run_id <> baseline) / max(baseline_value) as unseen_share,
        min(baseline) as baseline, min(baseline_is) as baseline_is,
        min(baseline_model) as baseline_model,
        coalesce(
            min(why_not), case when bool_and(unearned is not null) then min(unearned) end
        ) as unearned
    from weighed
    group by all
),
final as (
    select
        dataset, qrels, coalesce(of_model, sure.model) as model, direction, scorer, measure, k,
        sure.run_id, sure.dim, sure.dim_method, sure.precision, sure.variant, sure.vector_bytes,
        sure.retention,
        sure.ci_low, sure.ci_high, sure.sure_low,
        point.run_id as point_run_id,
        point.dim as point_dim,
        point.dim_method as point_dim_method,
        point.precision as point_precision,
        point.variant as point_variant,
        point.vector_bytes as point_vector_bytes,
        point.retention as point_retention,
        point.ci_low as point_ci_low,
        point.ci_high as point_ci_high,
        baseline, baseline_is, unearned, looks, unseen_share,
        point.model as point_model, baseline_model
    from chosen
    order by dataset, qrels, of_model, direction, measure, k
)
select * from final;
