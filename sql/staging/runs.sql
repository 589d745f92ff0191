-- The evaluated runs on the current data, one row each, with every setting and the environment. When a data
-- set grows, its earlier runs are no longer shown here; they stay in the files.
-- @has_facts: Whether ranks and hits have the columns that int_facts computes for earlier versions.
-- @fit: What its basis, quantiser and engine were learnt from: none, in-sample (what it is scored on), or held out.
-- @candidates: The C requested for expected.
-- @distractors: How many items of the gallery are distractors.
with
source as (
    select * from catalogue_runs
),
older as (
    select run_id, max(relevants) as most_relevants
    from read_parquet(
        files_of('older_ranks', '/ranks/run_id=*/*.parquet'),
        hive_partitioning = true, hive_types_autocast = false, union_by_name = true, filename = true
    )
    where run_id in (select run_id from source where most_relevants is null)
    group by run_id
),
no_older as (
    select null::varchar as run_id, null::bigint as most_relevants where false
),
final as (
    select
        source.* exclude (expected_candidates, has_cases, footers, row_checksum) replace (
            coalesce(source.most_relevants, older.most_relevants) as most_relevants,
            known_quantizer(source.quantizer, source.precision) as quantizer,
            coalesce(source.scorer_learns, false) as scorer_learns,
            coalesce(source.grouped, false) as grouped,
            -- Earlier versions also recorded sizes for commands that requested no pools: the
            -- default ones, if none of them was drawn although others were.
            coalesce(
                source.expected_candidates,
                list_filter(
                    source.candidates,
                    lambda size: list_contains(source.protocols, 'expected')
                    and size <= source.gallery
                    and (
                        len(source.sampled_candidates) = 0
                        or list_contains(source.sampled_candidates, size)
                        or size not in (100, 200, 300, 400, 500)
                    )
                )
            ) as candidates
        ),
        concat_ws(
            ', ',
            nullif(known_quantizer(source.quantizer, source.precision), 'absmax'),
            source.query_precision || ' queries',
            case when source.fit_on <> source.dataset then 'fit on ' || source.fit_on end,
            search_words(
                source.scorer_options, source.connectivity, source.expansion_add, source.expansion_search, source.rescore,
                source.oversample
            )
        ) as variant,
        known_fit(source.fit_on, source.dataset, source.dim_method, source.quantizer) as fit,
        case
            when fit = 'in-sample' and source.folds > 0 then 'cross-fitted' else fit
        end as evidence_fit,
        source.most_relevants is not null as has_facts,
        coalesce(
            case when source.direction = 't2v' then current.visual_distractors else current.text_distractors end, 0
        ) as distractors
    from source
    left join query_table(case when only_the_anchor('older_ranks') then 'no_older' else 'older' end) as older
        using (run_id)
    left join datasets as current on current.dataset = source.dataset
    anti join datasets
        on
            datasets.dataset = source.dataset
            and datasets.fingerprint <> source.dataset_fingerprint
)
select * from final
