-- How fast every run was scored.
-- @queries_per_second: Queries of one direction / seconds of the pass, which serves both.
with
scored as (
    select run_id, max(queries) as queries, min(seconds) as seconds, max(peak_rss_bytes) as peak_rss_bytes
    from timings
    where stage = 'score'
    group by run_id
),
final as (
    select
        runs.run_id, runs.dataset, runs.model, runs.direction, runs.dim, runs.dim_method,
        runs.precision, runs.scorer, runs.device, runs.gallery,
        scored.queries, scored.seconds, scored.queries / scored.seconds as queries_per_second,
        scored.peak_rss_bytes, runs.vector_bytes, runs.machine
    from scored
    inner join runs using (run_id)
)
select * from final
