-- Every measure of every run against the size of the gallery, from 10 items to the whole, by the
-- exact expectation over random galleries: what a larger or smaller collection would have shown.
-- Its first CTEs stand in for the views of their names in everything that metrics reads.
with
int_pools as (
    select runs.run_id, 'expected' as protocol, sizes.candidates
    from main.runs as runs
    inner join int_pool_bounds using (run_id)
    inner join (
        select unnest(list_transform(range(1, 28), lambda i: [10, 20, 50][(i - 1) % 3 + 1]
            * 10 ** ((i - 1) // 3)))::bigint as candidates
    ) as sizes on sizes.candidates between int_pool_bounds.smallest and int_pool_bounds.largest
    union
    select run_id, 'expected' as protocol, gallery as candidates from main.runs
)
select * from metrics
order by run_id, measure, k, candidates
