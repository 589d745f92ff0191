-- The stored embedding sets of the current data, one row each: a model's vectors of one side at one
-- dimension and precision.
with
source as (
    select * exclude (footers, row_checksum) from catalogue_embedding_sets
),
final as (
    select source.* replace (known_quantizer(source.quantizer, source.precision) as quantizer)
    from source
    anti join datasets
        on
            datasets.dataset = source.dataset
            and datasets.fingerprint <> source.dataset_fingerprint
)
select * from final
