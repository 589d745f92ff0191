-- The representation of fewest bytes that keeps a share of each measure of the fp32 native one:
-- `from recommend()`, `from recommend(retain := 0.95)`. It is sure of it: the lower end of
-- retention's 95% interval is at least that share. The columns point_… are of the smallest whose
-- retention itself is, which a repetition of the measurement may well not confirm.
-- @retention: The measure / the baseline's.
-- @ci_low: Lower end of the 95% interval of retention.
-- @ci_high: Upper end of the 95% interval of retention.
-- @baseline: The run compared with: fp32 at the native dimension, else the finest there is.
-- @baseline_is: native fp32, or finest available.
-- @point_run_id: Run of the smallest whose retention itself suffices.
-- @point_dim: Dimension of the smallest whose retention itself suffices.
-- @point_dim_method: Dimension method of the smallest whose retention itself suffices.
-- @point_precision: Precision of the smallest whose retention itself suffices.
-- @point_variant: Quantiser and search of the smallest whose retention itself suffices.
-- @point_vector_bytes: Bytes a vector of the smallest whose retention itself suffices.
-- @point_retention: Retention of the smallest whose retention itself suffices.
-- @point_ci_low: Lower end of the 95% interval of point_retention.
-- @point_ci_high: Upper end of the 95% interval of point_retention.
recommend(retain := 0.99) as table
with
ranked as (
    select
        *,
        row_number() over (
            partition by
                dataset, qrels, model, direction, scorer, measure, k, ci_low >= retain
            order by vector_bytes, retention desc, run_id
        ) as sure_place,
        row_number() over (
            partition by
                dataset, qrels, model, direction, scorer, measure, k, retention >= retain
            order by vector_bytes, retention desc, run_id
        ) as point_place
    from retention
),
sure as (
    select * from ranked where ci_low >= retain and sure_place = 1
),
point as (
    select * from ranked where retention >= retain and point_place = 1
),
final as (
    select
        point.dataset, point.qrels, point.model, point.direction, point.scorer, point.measure,
        point.k,
        sure.run_id, sure.dim, sure.dim_method, sure.precision, sure.variant, sure.vector_bytes,
        sure.retention,
        sure.ci_low, sure.ci_high,
        point.run_id as point_run_id,
        point.dim as point_dim,
        point.dim_method as point_dim_method,
        point.precision as point_precision,
        point.variant as point_variant,
        point.vector_bytes as point_vector_bytes,
        point.retention as point_retention,
        point.ci_low as point_ci_low,
        point.ci_high as point_ci_high,
        point.baseline, point.baseline_is
    from point
    left join sure
        on
            sure.dataset = point.dataset
            and sure.qrels = point.qrels
            and sure.model = point.model
            and sure.direction = point.direction
            and sure.scorer = point.scorer
            and sure.measure = point.measure
            and sure.k is not distinct from point.k
    order by
        point.dataset, point.qrels, point.model, point.direction, point.measure, point.k
)
select * from final
