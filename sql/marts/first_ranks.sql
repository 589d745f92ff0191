-- Rank of each query's first relevant item in the whole gallery, in every run, as used for claims: if a
-- basis or quantiser was fitted in folds, by what was learnt without the query.
-- @fit: How the basis and quantiser behind this rank were fitted.
-- @rank: From 1, expected over the order inside ties; NULL if a list does not contain it.
-- @cluster: Ordinal of the visual by which the query's errors are clustered.
-- @average_precision: Mean over the relevant items of the precision at their ranks; NULL likewise.
with
placed as (
    select
        run_id, query_id, cluster, relevants, above, tied, relevants_above as before, relevants_tied as mates,
        above + relevants_above as base, tied + relevants_tied + 1 as size
    from evidence
),
final as (
    select
        placed.run_id, runs.dataset, runs.qrels, runs.model, runs.direction, runs.dim,
        runs.dim_method, runs.precision, runs.evidence_fit as fit, placed.query_id, placed.relevants,
        sum_known(case when before > 0 then 0.0 else (above + 1 + tied / (mates + 2)) / (mates + 1) end) as rank,
        sum_known(precision_inside(base + size, base, size, before, mates)) / placed.relevants
            as average_precision,
        runs.gallery, runs.list_length, min(placed.cluster) as cluster
    from placed
    inner join runs using (run_id)
    where list_has_any(runs.protocols, ['full', 'grouped'])
    group by
        placed.run_id, runs.dataset, runs.qrels, runs.model, runs.direction, runs.dim, runs.dim_method,
        runs.precision, runs.evidence_fit, placed.query_id, placed.relevants, runs.gallery, runs.list_length
)
select * from final
