-- Quality against bytes and latency, over the whole gallery: one row per run, measure and K, with each
-- run's cost from int_pace, so that all rows of a data set, judgments, model and direction have the same
-- bench conditions. Without a bench, speed and latency are NULL.
-- @kept: value / the baseline's.
-- @kept_low: Lower end of its 95% interval.
-- @kept_high: Upper end of its 95% interval.
-- @queries_per_second: As in tradeoffs.
-- @p50_ms: Median time of a single query over the whole gallery, milliseconds.
-- @p95_ms: 95 of 100 single queries took at most this long.
-- @p99_ms: 99 of 100 single queries took at most this long.
-- @best_bytes: Whether no other is at least as good in the measure and in bytes, and better in one.
-- @best_latency: Whether no other is at least as good in the measure and in latency, and better in one;
-- NULL if it was not measured.
with
points as (
    select
        retention.run_id, retention.dataset, retention.qrels, retention.model,
        retention.direction, retention.dim, retention.dim_method, retention.precision,
        retention.quantizer, retention.scorer, retention.variant, retention.measure, retention.k,
        retention.value, retention.retention as kept, retention.ci_low as kept_low,
        retention.ci_high as kept_high, retention.vector_bytes, pace.index_vector_bytes,
        pace.memory_vector_bytes, pace.queries_per_second, pace.p50_ms, pace.p95_ms, pace.p99_ms,
        pace.conditions, pace.machine,
        -- Equal values may differ in their last digits, by the order of summation.
        round(retention.value, 12) as quality
    from retention
    left join int_pace as pace using (run_id)
    where retention.value is not null
),
ranked as (
    select
        *,
        -- The best value among those with fewer bytes or less latency, and among those with the same.
        max(quality) over (
            fewer range between unbounded preceding and current row exclude group
        ) as best_fewer,
        max(quality) over (same_bytes) as best_same,
        max(quality) over (
            sooner range between unbounded preceding and current row exclude group
        ) as best_sooner,
        max(quality) over (same_time) as best_at_once
    from points
    window
        fewer as (
            partition by dataset, qrels, model, direction, measure, k order by vector_bytes
        ),
        same_bytes as (
            partition by dataset, qrels, model, direction, measure, k, vector_bytes
        ),
        sooner as (
            partition by dataset, qrels, model, direction, measure, k, p50_ms is null
            order by p50_ms
        ),
        same_time as (
            partition by dataset, qrels, model, direction, measure, k, p50_ms
        )
),
final as (
    select
        * exclude (quality, best_fewer, best_same, best_sooner, best_at_once),
        quality > coalesce(best_fewer, -1) and quality >= best_same as best_bytes,
        case
            when p50_ms is not null
                then quality > coalesce(best_sooner, -1) and quality >= best_at_once
        end as best_latency
    from ranked
    order by dataset, qrels, model, direction, measure, k, vector_bytes, run_id
)
select * from final
