-- The same contender measured under two sets of conditions, usually on two machines: the machine differs,
-- not the representation. No other view compares such figures.
-- @machine_a: One machine, as JSON.
-- @machine_b: The other.
-- @same_machine: Whether only threads, k or batch differ.
-- @threads_a: Threads on machine_a.
-- @threads_b: Threads on machine_b.
-- @k_a: Items found on machine_a.
-- @k_b: Items found on machine_b.
-- @queries_a: Queries per batch on machine_a.
-- @queries_b: Queries per batch on machine_b.
-- @queries_per_second_a: In batches on machine_a.
-- @queries_per_second_b: In batches on machine_b.
-- @times: queries_per_second_b / queries_per_second_a.
-- @p50_ms_a: Median time of a single query on machine_a, milliseconds.
-- @p50_ms_b: Median time of a single query on machine_b, milliseconds.
with
measured_once as (
    select distinct on (contender, conditions) * from speed where measured = 'bench'
),
final as (
    select
        a.dataset, a.model, a.direction, a.dim, a.dim_method, a.precision, a.quantizer, a.scorer,
        a.variant, a.device,
        a.queries_per_second as queries_per_second_a,
        b.queries_per_second as queries_per_second_b,
        b.queries_per_second / a.queries_per_second as times,
        a.p50_ms as p50_ms_a,
        b.p50_ms as p50_ms_b,
        a.threads as threads_a, b.threads as threads_b, a.k as k_a, b.k as k_b,
        a.queries as queries_a, b.queries as queries_b,
        a.machine = b.machine as same_machine,
        a.machine as machine_a, b.machine as machine_b
    from measured_once as a
    inner join measured_once as b
        on b.contender = a.contender and b.conditions > a.conditions
    order by a.dataset, a.model, a.direction, a.dim, a.precision, a.scorer, a.variant
)
select * from final
