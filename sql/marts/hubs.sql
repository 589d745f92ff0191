-- Gallery items that are in many more top lists than their share, from the stored hits
-- (`cmr evaluate --hits 10`); in high dimensions some items are close to everything (Radovanović et al.,
-- Hubs in space, 2010). Only those in at least 5 lists and 5 times the expected number.
-- @lists: In how many of the stored top lists the item is.
-- @relevant_lists: In how many of them it is relevant.
-- @expected_lists: How many it would be in if all items came up equally often.
-- @times: lists / expected_lists.
-- @item: The caption, or the location of the visual.
with
counted as (
    select
        run_id, item_id, count(*) as lists, sum((relevance > 0)::bigint) as relevant_lists
    from hits
    group by run_id, item_id
),
totals as (
    select run_id, sum(lists) as all_lists from counted group by run_id
),
placed as (
    select
        counted.*, runs.dataset, runs.direction, runs.dim, runs.dim_method, runs.precision,
        totals.all_lists / runs.gallery as expected_lists
    from counted
    inner join totals using (run_id)
    inner join runs using (run_id)
),
final as (
    select
        placed.run_id, placed.dataset, placed.direction, placed.dim, placed.dim_method,
        placed.precision, placed.item_id, placed.lists, placed.relevant_lists,
        placed.expected_lists, placed.lists / placed.expected_lists as times,
        coalesce(items.text, items.uri) as item
    from placed
    left join items
        on
            items.dataset = placed.dataset
            and items.modality = case placed.direction when 't2v' then 'visual' else 'text' end
            and items.item_id = placed.item_id
    where placed.lists >= 5 and placed.lists >= 5 * placed.expected_lists
    order by times desc, placed.run_id, placed.item_id
)
select * from final
