-- What `cmr bench` measured on the data as it is now: one row a stage of a contender. Its repeats
-- are the rows of timings whose run_id is its bench_id.
with
source as (
    -- A warehouse may be older than this table, and a pattern must match some file: that of
    -- data sets, which every warehouse has, matches, and its rows are left out.
    select *
    from read_parquet(
        getvariable('cmr_root') || '/[bd][ea][nt][ca]*/*.parquet', union_by_name = true
    )
    union all by name
    select
        null::varchar as bench_id,
        null::varchar as stage,
        null::varchar as dataset,
        null::varchar as dataset_fingerprint,
        null::varchar as model,
        null::varchar as modality,
        null::varchar as direction,
        null::integer as dim,
        null::varchar as dim_method,
        null::varchar as precision,
        null::varchar as quantizer,
        null::varchar as query_precision,
        null::varchar as scorer,
        null::bigint as connectivity,
        null::bigint as expansion_add,
        null::bigint as expansion_search,
        null::varchar as rescore,
        null::bigint as oversample,
        null::varchar as text_set,
        null::varchar as visual_set,
        null::bigint as gallery,
        null::bigint as candidates,
        null::bigint as k,
        null::bigint as batch,
        null::integer as repeats,
        null::bigint as seed,
        null::integer as threads,
        null::varchar as device,
        null::varchar as race,
        null::varchar as conditions,
        null::varchar as machine,
        null::varchar as versions,
        null::bigint as vector_bytes,
        null::double as disk_vector_bytes,
        null::double as memory_vector_bytes,
        null::double as index_vector_bytes,
        null::double as agreement,
        null::varchar[] as files,
        null::timestamp with time zone as started_at,
        null::double as seconds
    where false
),
final as (
    select
        source.bench_id, source.stage, source.dataset, source.dataset_fingerprint, source.model,
        source.modality, source.direction, source.dim, source.dim_method, source.precision,
        source.quantizer, source.query_precision, source.scorer,
        concat_ws(
            ', ',
            nullif(known_quantizer(source.quantizer, source.precision), 'absmax'),
            source.query_precision || ' queries',
            'M ' || source.connectivity || ' ef ' || source.expansion_add
            || coalesce('/' || source.expansion_search, ''),
            'rescored by ' || source.rescore || ' x' || source.oversample
        ) as variant,
        source.connectivity, source.expansion_add, source.expansion_search, source.rescore,
        source.oversample, source.text_set, source.visual_set, source.gallery, source.candidates,
        source.k, source.batch, source.repeats, source.seed, source.threads, source.device,
        source.race, source.conditions, source.machine, source.versions, source.vector_bytes,
        source.disk_vector_bytes, source.memory_vector_bytes, source.index_vector_bytes,
        source.agreement, source.files, source.started_at, source.seconds
    from source
    anti join datasets
        on
            datasets.dataset = source.dataset
            and datasets.fingerprint <> source.dataset_fingerprint
    where source.bench_id is not null
)
select * from final
