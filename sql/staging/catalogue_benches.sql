-- Rows of benches as stored in its folder; cmr replaces this view by the rows that it has checked.
-- A warehouse may be older than this table, but a pattern must match some file: so it also matches that of
-- the data sets, which every warehouse has, and whose rows are left out.
with
source as (
    select *
    from read_parquet(
        warehouse_root() || '/[bd][ea][nt][ca]*/*.parquet', union_by_name = true
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
        null::varchar as scorer_options,
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
        null::double as seconds,
        null::bigint as clients,
        null::double as selectivity,
        null::double as missing_results,
        null::varchar as reads,
        null::varchar[] as checksums,
        null::varchar[] as footers,
        null::varchar as row_checksum
    where false
)
select * from source where bench_id is not null
