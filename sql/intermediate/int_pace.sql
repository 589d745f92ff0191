-- The comparable speed of each run: for all runs of a data set, judgments, model and direction it comes
-- from the same bench conditions, those under which most of them were measured, the latest if several. A
-- run that was not measured, or only under other conditions, has no row. The passes of evaluate, which
-- count ranks, are not searches, so their speed is not included.
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
    where speed.measured = 'bench' and speed.queries_per_second is not null
),
groups as (
    select
        dataset, qrels, model, direction, conditions,
        row_number() over (
            partition by dataset, qrels, model, direction
            order by count(distinct run_id) desc, max(measured_at) desc, conditions
        ) as place
    from candidates
    group by dataset, qrels, model, direction, conditions
),
final as (
    select candidates.* exclude (measured)
    from candidates
    inner join groups
        on
            groups.dataset = candidates.dataset
            and groups.qrels = candidates.qrels
            and groups.model = candidates.model
            and groups.direction = candidates.direction
            and groups.conditions = candidates.conditions
            and groups.place = 1
    -- A run may have been measured both on the processor and on an accelerator of the same machine.
    qualify row_number() over (
        partition by candidates.run_id order by candidates.queries_per_second desc
    ) = 1
)
select * from final
