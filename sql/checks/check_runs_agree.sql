-- Queries that differ between runs of one data set, judgments and direction: every representation must
-- have the same queries, with the same number of relevant items, in a gallery of the same size.
-- @kinds: How many different combinations the runs have.
with
counted as (
    select
        ranks.run_id, ranks.query_id, count(*) as pairs, max(ranks.relevants) as relevants,
        max(ranks.gallery) as gallery
    from ranks
    group by ranks.run_id, ranks.query_id
),
final as (
    select
        runs.dataset, runs.qrels, runs.dataset_fingerprint, runs.direction, counted.query_id,
        count(distinct (counted.pairs, counted.relevants, counted.gallery)) as kinds
    from counted
    inner join runs using (run_id)
    group by runs.dataset, runs.qrels, runs.dataset_fingerprint, runs.direction, counted.query_id
    having count(distinct (counted.pairs, counted.relevants, counted.gallery)) > 1
)
select * from final
