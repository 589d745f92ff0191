-- Queries whose first relevant item enters or leaves the top K from run a to run b, largest move
-- first: `from rank_flips('3f0c', '81d2')`, `… k := 5`. Ids may be abbreviated.
-- @rank_a: Expected rank of the first relevant item in run a; NULL if its list lacks it.
-- @rank_b: The same for run b.
-- @change: Whether it enters or leaves the top K.
-- @query: The query's text, or the location of its picture.
create macro rank_flips(run_a, run_b, top := 10) as table
with
sides as materialized (
    from first_ranks where run_id in (find_run(run_a), find_run(run_b))
),
moved as (
    select
        x.dataset, x.direction, x.query_id, x.rank as rank_a, y.rank as rank_b,
        case when in_top(y.rank, y.list_length, top) then 'enters' else 'leaves' end as change
    from sides as x
    inner join sides as y
        on
            x.run_id = find_run(run_a)
            and y.run_id = find_run(run_b)
            and y.dataset = x.dataset
            and y.qrels = x.qrels
            and y.direction = x.direction
            and y.query_id = x.query_id
    where in_top(x.rank, x.list_length, top) <> in_top(y.rank, y.list_length, top)
),
final as (
    select moved.*, coalesce(items.text, items.uri) as query
    from moved
    left join items
        on
            items.dataset = moved.dataset
            and items.modality = case moved.direction when 't2v' then 'text' else 'visual' end
            and items.item_id = moved.query_id
    order by abs(ln(moved.rank_b / moved.rank_a)) desc, moved.query_id
)
select * from final;
