-- What `cmr bench` measured on the current data: one row per stage of a contender. Its repeats are the rows
-- of timings whose run_id is its bench_id.
with
source as (
    select * from catalogue_benches
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
            search_words(
                source.scorer_options, source.connectivity, source.expansion_add, source.expansion_search, source.rescore,
                source.oversample
            )
        ) as variant,
        source.scorer_options, source.connectivity, source.expansion_add, source.expansion_search, source.rescore,
        source.oversample, source.text_set, source.visual_set, source.gallery, source.candidates,
        source.k, source.batch, source.repeats, source.seed, source.threads, source.device,
        source.race, source.conditions, source.machine, source.versions, source.vector_bytes,
        source.disk_vector_bytes, source.memory_vector_bytes, source.index_vector_bytes,
        source.agreement, source.files, source.started_at, source.seconds, source.clients,
        source.selectivity, source.missing_results, source.reads
    from source
    anti join datasets
        on
            datasets.dataset = source.dataset
            and datasets.fingerprint <> source.dataset_fingerprint
)
select * from final
