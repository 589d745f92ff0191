-- The speed of each run that its fellows are compared by: of the runs of a data set, judgments,
-- model and direction all from one kind of measurement under one set of conditions. That is the
-- bench that most of them were in, the latest if several; without one, their scoring passes on the
-- machine where most were made. NULL for a run that was measured otherwise, or elsewhere.
-- @measured: bench, or evaluate.
-- @queries_per_second: As in speed.
-- @slowest: As in speed.
-- @quickest: As in speed.
-- @p50_ms: As in speed.
-- @p95_ms: As in speed.
-- @p99_ms: As in speed.
-- @build_seconds: As in speed.
-- @ann_recall: As in speed.
-- @build_peak_bytes: As in speed.
-- @search_peak_bytes: As in speed.
with
candidates as (
    select runs.qrels, speed.*
    from speed
    inner join runs using (run_id)
    where speed.queries_per_second is not null
),
groups as (
    select
        dataset, qrels, model, direction, measured, conditions,
        row_number() over (
            partition by dataset, qrels, model, direction
            order by
                measured = 'bench' desc, count(distinct run_id) desc, max(measured_at) desc,
                conditions
        ) as place
    from candidates
    group by dataset, qrels, model, direction, measured, conditions
),
final as (
    select candidates.*
    from candidates
    inner join groups
        on
            groups.dataset = candidates.dataset
            and groups.qrels = candidates.qrels
            and groups.model = candidates.model
            and groups.direction = candidates.direction
            and groups.measured = candidates.measured
            and groups.conditions = candidates.conditions
            and groups.place = 1
    -- A run may have been measured on the processor and on an accelerator of one machine.
    qualify row_number() over (
        partition by candidates.run_id order by candidates.queries_per_second desc
    ) = 1
)
select * from final
