-- Bases and quantisers that were learnt from fewer than 20 vectors per dimension, one row per data set,
-- model, dimension, method and quantiser: they fit these vectors better than others. By how much,
-- held-out queries tell (retention).
-- @learnt_from: The data set whose vectors they were learnt from.
-- @vectors: How many vectors they were learnt from.
-- @learnt_dim: The dimension in which they were learnt.
-- @says: What is wrong, in plain words.
with
learnt as (
    select
        sets.dataset, sets.model, sets.dim, sets.dim_method, sets.quantizer,
        coalesce(sets.fit_on, sets.dataset) as learnt_from,
        sets.dim_method = 'pca' as is_basis,
        coalesce(
            sets.fit_vectors,
            case
                when sets.dim_method = 'pca' then (
                    select sum(parents.rows) from embedding_sets as parents
                    where list_contains(string_split(sets.parent, '+'), parents.set_id)
                )
                else calibration.rows
            end
        )::bigint as vectors,
        coalesce(
            case
                when sets.dim_method = 'pca' then (
                    select max(parents.dim) from embedding_sets as parents
                    where list_contains(string_split(sets.parent, '+'), parents.set_id)
                )
            end,
            sets.dim
        ) as learnt_dim
    from embedding_sets as sets
    left join embedding_sets as calibration on calibration.set_id = sets.calibration_set
    where sets.fit_on is not null or sets.dim_method = 'pca' or sets.calibration_set is not null
),
fewest as (
    select
        dataset, model, dim, dim_method, nullif(quantizer, 'absmax') as quantizer, learnt_from, is_basis,
        min(vectors) as vectors, max(learnt_dim) as learnt_dim
    from learnt
    where vectors < 20 * learnt_dim
    group by all
),
final as (
    select
        dataset, model, dim, dim_method, quantizer, learnt_from, vectors, learnt_dim,
        concat_ws(' and ', case when is_basis then 'the ' || dim_method || ' basis' end, quantizer)
        || ' of ' || dim || ' dimensions learnt from ' || vectors || ' vectors of ' || learnt_from || ', '
        || round(vectors / learnt_dim, 1) || ' per dimension: with fewer than 20 it fits these vectors better '
        || 'than others. cmr evaluate --fit-on learns from a larger data set of the same model' as says
    from fewest
)
select * from final
order by dataset, model, dim, dim_method, quantizer
