-- The evaluated runs on the data as it is now, one row each, with every setting and the environment.
-- A data set that has grown leaves its earlier runs behind: they stay in the files alone.
with
source as (
    select *
    from read_parquet(getvariable('cmr_root') || '/runs/*.parquet', union_by_name = true)
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
