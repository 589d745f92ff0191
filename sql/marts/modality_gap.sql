-- How far the texts' vectors are from the visuals' as a whole: the distance between the two centroids of
-- native vectors (Liang et al., Mind the gap, 2022).
-- @texts: Number of texts.
-- @visuals: Number of visuals.
-- @gap: Euclidean distance between the centroids of unit vectors, 0 to 2.
-- @cosine: Cosine of the angle between the centroids.
-- @text_length: Length of the texts' centroid: 1 if all vectors point the same way.
-- @visual_length: The same for the visuals.
with
parts as (
    select
        dataset, model, dim, modality, ordinal,
        unnest(vector)::double as x,
        generate_subscripts(vector, 1) as i
    from embeddings
    where dim_method = 'native' and precision = 'fp32'
),
means as (
    select dataset, model, dim, modality, i, avg(x) as x, count(*) as n
    from parts
    group by dataset, model, dim, modality, i
),
beside as (
    select
        dataset, model, dim, i,
        max(x) filter (modality = 'text') as t,
        max(x) filter (modality = 'visual') as v,
        max(n) filter (modality = 'text') as texts,
        max(n) filter (modality = 'visual') as visuals
    from means
    group by dataset, model, dim, i
),
final as (
    select
        dataset, model, dim, max(texts) as texts, max(visuals) as visuals,
        sqrt(sum((t - v) ** 2)) as gap,
        sum(t * v) / nullif(sqrt(sum(t * t)) * sqrt(sum(v * v)), 0) as cosine,
        sqrt(sum(t * t)) as text_length,
        sqrt(sum(v * v)) as visual_length
    from beside
    group by dataset, model, dim
    order by dataset, model, dim
)
select * from final
