-- Queries whose item ranks badly in every run, hardest first; only of runs that rank everything.
-- @runs: How many runs have the query.
-- @best_rank: Rank of the first relevant item in the best run.
-- @median_rank: Median of its rank over the runs.
-- @worst_rank: Its rank in the worst run.
-- @query: The caption, or the location of the visual.
with
ranked as (
    select
        dataset, qrels, direction, query_id, gallery,
        count(*) as runs,
        min(rank) as best_rank,
        median(rank) as median_rank,
        max(rank) as worst_rank
    from first_ranks
    where list_length is null
    group by dataset, qrels, direction, query_id, gallery
),
final as (
    select ranked.*, coalesce(items.text, items.uri) as query
    from ranked
    left join items
        on
            items.dataset = ranked.dataset
            and items.modality = case ranked.direction when 't2v' then 'text' else 'visual' end
            and items.item_id = ranked.query_id
    order by
        ranked.median_rank / ranked.gallery desc, ranked.best_rank desc, ranked.dataset,
        ranked.qrels, ranked.direction, ranked.query_id
)
select * from final
