-- Items with equal native vectors, one row per group: the same picture twice, the same caption for two
-- pictures, or a decoder that failed.
-- @items: How many items share the vector.
-- @item_ids: Their ids, in the order of the data.
-- @example: The first one's caption, or the location of the visual.
with
native as (
    select dataset, model, modality, dim, ordinal, item_id, vector, hash(vector) as mark
    from embeddings
    where dim_method = 'native' and precision = 'fp32'
),
repeated as (
    select dataset, model, modality, dim, mark
    from native
    group by all
    having count(*) > 1
),
grouped as (
    select
        native.dataset, native.model, native.modality, native.dim, native.vector,
        count(*) as items,
        list(native.item_id order by native.ordinal) as item_ids
    from native
    semi join repeated
        on
            repeated.dataset = native.dataset
            and repeated.model = native.model
            and repeated.modality = native.modality
            and repeated.dim = native.dim
            and repeated.mark = native.mark
    group by native.dataset, native.model, native.modality, native.dim, native.vector
    having count(*) > 1
),
final as (
    select
        grouped.dataset, grouped.model, grouped.modality, grouped.dim, grouped.items,
        grouped.item_ids, coalesce(items.text, items.uri) as example
    from grouped
    left join items
        on
            items.dataset = grouped.dataset
            and items.modality = grouped.modality
            and items.item_id = grouped.item_ids[1]
    order by grouped.items desc, grouped.dataset, grouped.model, grouped.modality, grouped.item_ids[1]
)
select * from final
