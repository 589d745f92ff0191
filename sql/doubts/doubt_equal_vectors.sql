-- Data sets in which more than 1% of the visuals share their vector with another: the files were not
-- really loaded, the encoder saw blank pictures, or items were ingested twice.
-- @items: How many items share a vector.
-- @share: Their share of all visuals.
-- @says: What is wrong, in plain words.
with
counted as (
    select dataset, model, modality, dim, sum(items) as items, max(items) as largest
    from duplicates
    where modality = 'visual'
    group by dataset, model, modality, dim
),
final as (
    select
        counted.dataset, counted.model, counted.modality, counted.dim, counted.items,
        counted.items / embedding_sets.rows as share,
        counted.items || ' of ' || embedding_sets.rows || ' visual'
        || ' vectors are equal to another one, the largest group has ' || counted.largest
        || ': were the files really loaded?' as says
    from counted
    inner join embedding_sets
        on
            embedding_sets.dataset = counted.dataset
            and embedding_sets.model = counted.model
            and embedding_sets.modality = counted.modality
            and embedding_sets.dim = counted.dim
            and embedding_sets.dim_method = 'native'
            and embedding_sets.precision = 'fp32'
    where counted.items > 0.01 * embedding_sets.rows
)
select * from final
