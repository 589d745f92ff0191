-- How fast a model encodes: captions from text, pictures from their files' bytes, including decoding and
-- preprocessing.
-- @items_per_second: Median over the repeats.
-- @slowest: Items per second in the slowest repeat.
-- @quickest: Items per second in the fastest repeat.
-- @items: How many were encoded in each repeat.
-- @batch: Items per batch of the model.
-- @peak_bytes: Peak resident memory, minus what the process held before the model was loaded.
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
