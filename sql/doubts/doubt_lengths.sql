-- Native vectors that do not have unit length, among about a thousand of every set: the dot product is
-- then not the cosine, and long vectors win.
-- @length: Euclidean length.
-- @says: What is wrong, in plain words.
with
sampled as (
    select
        embeddings.dataset, embeddings.model, embeddings.modality, embeddings.dim,
        embeddings.item_id,
        sqrt(list_sum(list_transform(embeddings.vector, lambda x: x::double * x::double)))
            as length
    from embeddings
    inner join embedding_sets
        on
            embedding_sets.dataset = embeddings.dataset
            and embedding_sets.model = embeddings.model
            and embedding_sets.modality = embeddings.modality
            and embedding_sets.dim = embeddings.dim
            and embedding_sets.dim_method = embeddings.dim_method
            and embedding_sets.precision = embeddings.precision
    where
        embeddings.dim_method = 'native'
        and embeddings.precision = 'fp32'
        and embeddings.ordinal % greatest(embedding_sets.rows // 1000, 1) = 0
),
final as (
    select
        *,
        'the vector of ' || item_id || ' has the length ' || round(length, 4) || ', not 1' as says
    from sampled
    where abs(length - 1) > 1e-3
)
select * from final
