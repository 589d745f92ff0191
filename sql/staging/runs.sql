-- The evaluated runs on the data as it is now, one row each, with every setting and the environment.
-- A data set that has grown leaves its earlier runs behind: they stay in the files alone.
-- @candidates: The C that expected was asked for.
with
source as (
    select * exclude (footers, row_checksum) from catalogue_runs
),
final as (
    select
        source.* replace (
            known_quantizer(source.quantizer, source.precision) as quantizer,
            -- Earlier versions recorded the sizes of commands that asked for no pools, too.
            case
                when list_contains(source.protocols, 'expected')
                    then list_filter(source.candidates, lambda size: size <= source.gallery)
                else []
            end as candidates
        ),
        concat_ws(
            ', ',
            nullif(known_quantizer(source.quantizer, source.precision), 'absmax'),
            source.query_precision || ' queries',
            'M ' || source.connectivity || ' ef ' || source.expansion_add || '/'
            || source.expansion_search,
            'rescored by ' || source.rescore || ' x' || source.oversample
        ) as variant
    from source
    anti join datasets
        on
            datasets.dataset = source.dataset
            and datasets.fingerprint <> source.dataset_fingerprint
)
select * from final
