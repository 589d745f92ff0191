-- Rows of runs as stored in its folder; cmr replaces this view by the rows that it has checked.
select *
from read_parquet(warehouse_root() || '/runs/*.parquet', union_by_name = true)
union all by name
-- Columns that an older warehouse may lack.
select
    null::varchar[] as checksums,
    null::varchar[] as footers,
    null::varchar as row_checksum,
    null::varchar as quantizer,
    null::varchar as query_precision,
    null::varchar as scorer_settings,
    null::bigint as list_length,
    null::bigint as connectivity,
    null::bigint as expansion_add,
    null::bigint as expansion_search,
    null::varchar as rescore,
    null::bigint as oversample,
    null::bigint as rescore_bytes,
    null::bigint as index_bytes,
    null::bigint[] as expected_candidates,
    null::bigint as most_relevants,
    null::varchar as fit_on,
    null::bigint as fit_vectors,
    null::integer as folds,
    null::varchar as scorer_options,
    null::boolean as scorer_learns,
    null::boolean as "grouped",
    null::boolean as has_cases
where false
