-- Pairs whose fp32 counts were changed by an expansion to more dimensions, although it preserves every dot
-- product: by more than one place and a thousandth of the gallery, more than rounding can explain.
-- @native_above: The value of above at the native dimension.
with
fine as (
    select *
    from runs
    where
        precision = 'fp32'
        and dim_method in ('native', 'expand')
        and list_length is null
),
matched as (
    select x.run_id, y.run_id as native_id
    from fine as x
    inner join embedding_sets as expanded on expanded.set_id = x.visual_set
    inner join fine as y
        on
            y.dataset = x.dataset
            and y.qrels = x.qrels
            and y.dataset_fingerprint = x.dataset_fingerprint
            and y.model = x.model
            and y.direction = x.direction
            and y.scorer = x.scorer
    inner join embedding_sets as native on native.set_id = y.visual_set
    where
        x.dim_method = 'expand'
        and y.dim_method = 'native'
        and expanded.parent = native.set_id
),
final as (
    select
        matched.run_id, x.query_id, x.item_id, x.above, y.above as native_above
    from matched
    inner join ranks as x on x.run_id = matched.run_id
    inner join ranks as y
        on y.run_id = matched.native_id and y.query_id = x.query_id and y.item_id = x.item_id
    where abs(x.above - y.above) > 1 + x.gallery / 1000
)
select * from final
