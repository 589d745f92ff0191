-- Runs whose basis was learnt without each fold's queries and that nonetheless find more of the relevant items in
-- the top 10 than by a basis that was learnt from all: by three standard errors, clustered by visual item. What a
-- basis has not seen cannot help it. Vectors are scaled to unit length after the projection, and a query and
-- its item, both unseen, lose the same part of themselves, which brings them closer (docs/method.md).
-- @cross_fitted: Share of the relevant items in the top 10, by a basis learnt without the fold.
-- @in_sample: The same by a basis learnt from everything.
-- @says: What is wrong, in plain words.
with
paired as (
    select
        crossed.run_id, own.cluster,
        (crossed.above + crossed.tied / 2 < 10)::integer as unseen,
        (own.above + own.tied / 2 < 10)::integer as seen
    from held_out_ranks as crossed
    inner join ranks as own
        on
            own.run_id = crossed.run_id
            and own.query_id = crossed.query_id
            and own.item_id = crossed.item_id
),
clustered as (
    select run_id, cluster, count(*) as pairs, sum(unseen) as unseen, sum(seen) as seen, sum(unseen - seen) as gained
    from paired
    group by run_id, cluster
),
summed as (
    select
        run_id, sum(unseen) / sum(pairs) as cross_fitted, sum(seen) / sum(pairs) as in_sample,
        sum(gained) as gained, sqrt(sum(gained * gained)) as error
    from clustered
    group by run_id
),
final as (
    select
        summed.run_id, runs.dataset, runs.qrels, runs.model, runs.direction, runs.dim, runs.dim_method,
        runs.precision, summed.cross_fitted, summed.in_sample,
        runs.dim || ' ' || runs.dim_method || ' ' || runs.precision || ' finds ' || round(100 * cross_fitted, 2)
        || '% in the top 10 by bases that were learnt without the queries, and ' || round(100 * in_sample, 2)
        || '% by one that was learnt from them: cross-fitting flatters this basis, so learn it from another '
        || 'data set, with --fit-on' as says
    from summed
    inner join runs using (run_id)
    where gained > 3 * error
)
select * from final
order by dataset, model, direction, cross_fitted - in_sample desc, run_id
