-- Runs whose top hit is a constant number of rows away from the relevant item: the gallery or the ground
-- truth is shifted, as when a header or a broken picture was dropped on one side only.
-- Needs stored hits.
-- @shift: Rows from the relevant item to the top hit.
-- @share: Share of the queries with one relevant item whose top hit is off by this many rows.
-- @says: What is wrong, in plain words.
with
sides as (
    select run_id, dataset, case direction when 't2v' then 'visual' else 'text' end as modality
    from runs
),
tops as (
    select hits.run_id, hits.query_id, items.ordinal
    from hits
    inner join sides using (run_id)
    inner join items
        on
            items.dataset = sides.dataset
            and items.modality = sides.modality
            and items.item_id = hits.item_id
    where hits.position = 1
),
wanted as (
    select ranks.run_id, ranks.query_id, items.ordinal
    from ranks
    inner join sides using (run_id)
    inner join items
        on
            items.dataset = sides.dataset
            and items.modality = sides.modality
            and items.item_id = ranks.item_id
    where ranks.relevants = 1
),
shifts as (
    select tops.run_id, tops.ordinal - wanted.ordinal as shift, count(*) as queries
    from tops
    inner join wanted using (run_id, query_id)
    group by tops.run_id, shift
),
shares as (
    select *, queries / sum(queries) over (partition by run_id) as share from shifts
),
final as (
    select
        shares.run_id, runs.dataset, runs.model, runs.direction, runs.dim, runs.precision,
        shares.shift, shares.share,
        'for ' || round(100 * share) || '% of the queries the top hit is ' || shift
        || ' rows from the relevant item: one side is shifted' as says
    from shares
    inner join runs using (run_id)
    where shares.shift <> 0 and shares.share > 0.3 and shares.queries >= 5
)
select * from final
