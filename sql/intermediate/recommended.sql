-- What recommend and recommend_models show: of each model, or across all models of a data set, the
-- representation with the fewest bytes that is sure to keep a share of each measure of its baseline.
create macro recommended(retain, across) as table
with
kept as (
    select *, model as of_model, model as baseline_model from retention where not across
    union all by name
    select *, null as of_model from across_models where across
),
ranked as materialized (
    select
        *,
        coalesce(
            case when seen is null then unearned end, case when alike_low < retain then too_few(clusters, alike_low, retain) end
        ) as why_not,
        why_not is null and unearned is null and sure_low >= retain as is_sure,
        unearned is null and retention >= retain as is_near,
        row_number() over (
            partition by dataset, qrels, of_model, direction, scorer, measure, k, is_sure
            order by vector_bytes, round(retention, 10) desc, run_id
        ) as sure_place,
        row_number() over (
            partition by dataset, qrels, of_model, direction, scorer, measure, k, is_near
            order by vector_bytes, round(retention, 10) desc, run_id
        ) as point_place
    from kept
    where value is not null
),
asked as (
    select
        dataset, qrels, of_model, direction, scorer, measure, k,
        max(looks) as looks, max(unseen) filter (run_id <> baseline) / max(baseline_value) as unseen_share,
        min(baseline) as baseline, min(baseline_is) as baseline_is, min(baseline_model) as baseline_model, coalesce(min(why_not), case when bool_and(unearned is not null) then min(unearned) end) as unearned
    from ranked
    group by all
),
final as (
    select
        asked.dataset, asked.qrels, asked.of_model, asked.direction, asked.scorer, asked.measure,
        asked.k,
        sure.model, sure.run_id, sure.dim, sure.dim_method, sure.precision, sure.variant, sure.vector_bytes,
        sure.retention,
        sure.ci_low, sure.ci_high, sure.sure_low,
        point.model as point_model,
        point.run_id as point_run_id,
        point.dim as point_dim,
        point.dim_method as point_dim_method,
        point.precision as point_precision,
        point.variant as point_variant,
        point.vector_bytes as point_vector_bytes,
        point.retention as point_retention,
        point.ci_low as point_ci_low,
        point.ci_high as point_ci_high,
        asked.baseline_model, asked.baseline, asked.baseline_is, asked.unearned, asked.looks, asked.unseen_share
    from asked
    left join ranked as sure
        on
            sure.is_sure
            and sure.sure_place = 1
            and sure.dataset = asked.dataset
            and sure.qrels = asked.qrels
            and sure.of_model is not distinct from asked.of_model
            and sure.direction = asked.direction
            and sure.scorer = asked.scorer
            and sure.measure = asked.measure
            and sure.k is not distinct from asked.k
    left join ranked as point
        on
            point.is_near
            and point.point_place = 1
            and point.dataset = asked.dataset
            and point.qrels = asked.qrels
            and point.of_model is not distinct from asked.of_model
            and point.direction = asked.direction
            and point.scorer = asked.scorer
            and point.measure = asked.measure
            and point.k is not distinct from asked.k
    order by
        asked.dataset, asked.qrels, asked.of_model, asked.direction, asked.measure, asked.k
)
select * from final;
