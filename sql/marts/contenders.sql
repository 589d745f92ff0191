-- All that was evaluated as one field: representation x engine x settings, exact searches and such as return
-- lists, by what the queries of the task find, bytes and time; over the whole gallery, one row per run,
-- measure and K. Bytes are counted alike for all, timed or not; times are of one bench (int_pace).
-- @contender: Representation, scorer and settings, in words.
-- @kept: value / the baseline's.
-- @kept_low: Lower end of its 95% interval.
-- @kept_high: Upper end of its 95% interval.
-- @ann_recall: Agreement of a list with an exact search of the stored vectors, at K; NULL of exact searches.
-- @lost_by_codes: The baseline's value - that of an exact search of the same stored vectors; NULL where none
-- was evaluated.
-- @lost_by_search: That value - this one: what the search loses, with an engine's own codes.
-- @bytes: Bytes a vector of all that is stored to search: codes, scales, graphs and lists, and what is shared,
-- such as codebooks, over the number of vectors (int_run_bytes).
-- @bytes_share: bytes / the baseline's.
-- @memory_bytes: Bytes a vector that the timed search held in memory, where codes may be unpacked (int4 to a
-- byte a dimension); NULL where nothing was timed.
-- @queries_per_second: As in tradeoffs.
-- @p50_ms: Median time of a single query over the whole gallery, milliseconds.
-- @p95_ms: 95 of 100 single queries took at most so long.
-- @p99_ms: 99 of 100 single queries took at most so long.
-- @best: Whether no other is at least as good in value, bytes and p50_ms, and better in one of them, of
-- those that were timed together; where nothing was timed, in value and bytes. By point estimates, which
-- another sample of queries may order otherwise. NULL where unearned says why the row gives no advice; such
-- rows beat no other.
-- @unearned: Why this row gives no advice, in words; NULL if it may.
with
listed as (
    select run_id, k, value as ann_recall
    from metrics
    where measure = 'ann_recall' and protocol = 'full'
),
points as (
    select
        retention.dataset, retention.qrels, retention.model, retention.direction, retention.run_id,
        concat_ws(
            ', ',
            retention.dim || ' ' || retention.dim_method || ' ' || retention.precision,
            nullif(retention.scorer, 'torch'), nullif(retention.variant, '')
        ) as contender,
        retention.dim, retention.dim_method, retention.precision, retention.quantizer, retention.scorer,
        retention.variant, retention.fit, retention.measure, retention.k, retention.value,
        retention.retention as kept, retention.ci_low as kept_low, retention.ci_high as kept_high,
        retention.baseline_value, listed.ann_recall,
        weighed.stored_bytes as bytes, weighed.stored_bytes / base.stored_bytes as bytes_share,
        pace.memory_vector_bytes as memory_bytes, retention.unearned,
        pace.queries_per_second, pace.p50_ms, pace.p95_ms, pace.p99_ms, pace.conditions,
        runs.text_set, runs.visual_set, runs.list_length is null and runs.rescore is null as is_exact,
        -- Last digits of equal values differ by the order in which they were summed.
        round(retention.value, 12) as quality
    from retention
    inner join runs using (run_id)
    inner join int_run_bytes as weighed using (run_id)
    left join int_run_bytes as base on base.run_id = retention.baseline
    left join int_pace as pace on pace.run_id = retention.run_id
    left join listed on listed.run_id = retention.run_id and listed.k = retention.k
    where retention.value is not null
),
held as materialized (
    select
        *,
        max(value) filter (where is_exact) over (
            partition by dataset, qrels, model, direction, text_set, visual_set, measure, k
        ) as exact_value
    from points
),
final as (
    select
        points.dataset, points.qrels, points.model, points.direction, points.contender, points.run_id,
        points.dim, points.dim_method, points.precision, points.quantizer, points.scorer, points.variant,
        points.fit, points.measure, points.k, points.value, points.kept, points.kept_low,
        points.kept_high, points.ann_recall,
        points.baseline_value - points.exact_value as lost_by_codes,
        points.exact_value - points.value as lost_by_search,
        points.bytes, points.bytes_share, points.memory_bytes, points.queries_per_second,
        points.p50_ms, points.p95_ms, points.p99_ms,
        case when points.unearned is null then not exists (
            from held as y
            where
                y.unearned is null
                and y.dataset = points.dataset
                and y.qrels = points.qrels
                and y.model = points.model
                and y.direction = points.direction
                and y.measure = points.measure
                and y.k is not distinct from points.k
                and (y.p50_ms is null) = (points.p50_ms is null)
                and y.quality >= points.quality
                and y.bytes <= points.bytes
                and coalesce(y.p50_ms, 0) <= coalesce(points.p50_ms, 0)
                and (
                    y.quality > points.quality
                    or y.bytes < points.bytes
                    or coalesce(y.p50_ms, 0) < coalesce(points.p50_ms, 0)
                )
        ) end as best,
        points.unearned, points.conditions
    from held as points
    order by
        points.dataset, points.qrels, points.model, points.direction, points.measure, points.k, points.bytes,
        points.p50_ms, points.run_id
)
select * from final
