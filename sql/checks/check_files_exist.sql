-- Data files that a catalogue row names but that do not exist.
-- @file: Path below the warehouse root.
with
named as (
    select unnest(files) as file from datasets
    union all
    select unnest(files) as file from qrels_sets
    union all
    select unnest(files) as file from embedding_sets
    union all
    select unnest(files) as file from runs
    union all
    select unnest(files) as file from benches
),
found as (
    select below_root(file) as file
    from glob(warehouse_root() || '/**/*.parquet')
),
final as (
    select * from named anti join found using (file)
)
select * from final
