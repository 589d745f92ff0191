-- The cluster and ideal_gains of each query in runs of earlier versions, computed from their pairs; newer
-- ranks have these columns. The view `ranks` reads this one, so this one reads the files directly.
-- @cluster: Ordinal of the visual that clusters the query's errors: itself, or its first relevant one.
-- @ideal_gains: The query's judgments in descending order if they are graded; else NULL.
with
older as (
    select run_id, dataset, direction, unnest(files) as file from runs where not has_facts
),
queries as (
    select
        older.run_id, older.dataset, source.query_id,
        case older.direction when 'v2t' then source.query_id else min(source.item_id) end as visual,
        max(source.relevance) as highest,
        list(source.relevance order by source.relevance desc) as gains
    from read_parquet(
        files_of('older_ranks', '/ranks/run_id=*/*.parquet'),
        hive_partitioning = true, hive_types_autocast = false, union_by_name = true, filename = true
    ) as source
    inner join older on older.file = below_root(source.filename)
    group by older.run_id, older.dataset, older.direction, source.query_id
),
final as (
    select
        queries.run_id, queries.query_id, items.ordinal as cluster,
        case when highest > 1 then gains end as ideal_gains
    from queries
    inner join items
        on
            items.dataset = queries.dataset
            and items.modality = 'visual'
            and items.item_id = queries.visual
)
select * from final
