-- Machines of one kind that serve so many items at so many queries a second, by the measured bytes and
-- throughput of every contender of the view under_load, and what they cost:
-- `from costs(items := 100e6, qps := 1000, p99 := 50, vcpus := 16, ram_gib := 128, usd_month := 735.84)`. The
-- vectors are divided among as many machines as their memory and p99 require (shards); every query goes to
-- all of these; as many such groups as the throughput requires are copies of each other (replicas).
-- Assumed: a search that reads everything, or lists, takes time in proportion to the items of its machine;
-- one of a graph takes as long as measured, with a gallery of measured_items; a machine answers as many
-- times more as it has more virtual processors than the measured one has cores; bytes a vector are as
-- measured. Waiting for the slowest of several shards, and the network, are not in it.
-- @clients: The number of clients whose throughput and p99 count: that with which it costs least.
-- @kept: Recall@k of the baseline that is kept, over the whole gallery; NULL where it was not evaluated.
-- @kept_low: Lower end of its 95% interval.
-- @kept_high: Upper end of its 95% interval.
-- @bytes: Bytes a vector in the index, as measured.
-- @measured_items: Size of the gallery with which all was measured.
-- @measured_qps: Queries per second of that many clients, as measured.
-- @measured_p99_ms: As measured.
-- @p99_ms: What it becomes with a shard's items: in proportion, or of a graph as measured.
-- @items_here: Items of one shard.
-- @for_memory: Machines that hold all vectors.
-- @shards: Machines among which the vectors are divided.
-- @replicas: How many times all of it is there.
-- @machines: shards * replicas.
-- @usd_month: US dollars a month for all machines.
create macro costs(items, qps, p99, vcpus, ram_gib, usd_month, ram_share := 0.8) as table
with
kept_of as (
    select
        run_id, k, max(retention) as kept, max(ci_low) as kept_low, max(ci_high) as kept_high
    from retention
    where measure = 'recall'
    group by run_id, k
),
measured as (
    select distinct on (load.contender, load.conditions, load.clients)
        load.*, kept_of.kept, kept_of.kept_low, kept_of.kept_high,
        concat_ws(
            ', ', load.dim || ' ' || load.dim_method || ' ' || load.precision,
            nullif(load.scorer, 'torch'), nullif(load.variant, '')
        ) as named,
        json_extract(load.machine, '$.cores')::integer as cores,
        load.reads <> 'graph' as in_proportion,
        ceil(items * load.index_vector_bytes / (ram_gib * 1024.0 * 1024.0 * 1024.0 * ram_share)) as for_memory
    from under_load as load
    left join kept_of on kept_of.run_id = load.run_id and kept_of.k = load.k
    where load.device = 'cpu' and load.reads is not null and load.index_vector_bytes is not null
    order by load.contender, load.conditions, load.clients, kept_of.kept desc nulls last
),
divided as (
    select
        *,
        greatest(
            1, for_memory, case when in_proportion then ceil(p99_ms * items / gallery / p99) end
        ) as shards
    from measured
),
copied as (
    select
        *,
        items / shards as items_here,
        case when in_proportion then items / shards / gallery else 1.0 end as work,
        greatest(1, ceil(qps * work * cores / (queries_per_second * vcpus))) as replicas
    from divided
),
final as (
    select
        dataset, model, direction, run_id, named as contender, dim, precision, scorer, variant, reads, clients, kept,
        kept_low, kept_high, index_vector_bytes as bytes, gallery as measured_items,
        queries_per_second as measured_qps, p99_ms as measured_p99_ms, p99_ms * work as p99_ms,
        for_memory::bigint as for_memory, items_here, shards::bigint as shards, replicas::bigint as replicas,
        (shards * replicas)::bigint as machines, shards * replicas * usd_month as usd_month, conditions
    from copied
    where in_proportion or p99_ms <= p99
    qualify row_number() over (
        partition by copied.contender, conditions order by shards * replicas, clients
    ) = 1
    order by machines, kept desc nulls last, contender
)
select * from final;
