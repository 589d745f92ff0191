-- The stored embedding sets of the data as it is now, one row each: a model's vectors of one side
-- at one dimension and precision.
with
source as (
    select *
    from read_parquet(getvariable('cmr_root') || '/embedding_sets/*.parquet', union_by_name = true)
    union all by name
    select null::varchar[] as checksums where false
),
final as (
    select *
    from source
    anti join datasets
        on
            datasets.dataset = source.dataset
            and datasets.fingerprint <> source.dataset_fingerprint
)
select * from final
