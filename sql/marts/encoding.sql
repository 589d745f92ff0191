-- How fast a model encodes: captions from text, pictures from their files' bytes, decoding and
-- preprocessing included.
-- @items_per_second: Median over the repeats.
-- @slowest: Items a second in the slowest repeat.
-- @quickest: Items a second in the quickest repeat.
-- @items: How many were encoded in each repeat.
-- @batch: Items that go through the model together.
-- @peak_bytes: Most resident memory, less what the process held before the model was loaded.
-- @precision: Precision of the model's weights.
-- @conditions: Hash of machine and threads.
with
final as (
    select
        dataset, model, modality, precision, device,
        1 / middle as items_per_second,
        1 / slowest as slowest,
        1 / quickest as quickest,
        queries as items, batch, peak_rss_bytes - idle_rss_bytes as peak_bytes, peak_device_bytes,
        threads, repeats, race, conditions, machine, versions, started_at
    from int_benched
    where stage = 'encode'
    order by dataset, model, modality, conditions
)
select * from final
