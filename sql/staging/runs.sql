-- The evaluated runs on the data as it is now, one row each, with every setting and the environment.
-- A data set that has grown leaves its earlier runs behind: they stay in the files alone.
-- @candidates: The C that expected was asked for.
with
source as (
    select * exclude (footers) from catalogue_runs
),
final as (
    select
        source.* exclude (row_checksum) replace (
            known_quantizer(source.quantizer, source.precision) as quantizer,
            -- Earlier versions, whose rows have no checksum of themselves, recorded the sizes of
            -- commands that asked for no pools, too: the default ones, of which none was drawn.
            case
                when not list_contains(source.protocols, 'expected') then []
                else list_filter(
                    source.candidates,
                    lambda size: size <= source.gallery
                    and not (
                        source.row_checksum is null
                        and len(source.sampled_candidates) > 0
                        and size in (100, 200, 300, 400, 500)
                        and not list_contains(source.sampled_candidates, size)
                    )
                )
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
