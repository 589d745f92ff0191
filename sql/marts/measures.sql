-- The measures, one row each: what `metrics` can have in its column measure.
-- @label: Its name in a heading.
-- @has_k: Whether it is cut at a K.
-- @better: higher or lower.
-- @over_pools: Whether it is known over candidate pools, too, or over the whole gallery alone.
-- @of: What is made of the queries' values: their mean or median; lists: of returned lists alone.
-- @also: Its other names in the field.
with
named as (
    select
        unnest(measured({
            'inside': 0.0, 'first_k': 0.0, 'reciprocal': 0.0, 'reciprocal_k': 0.0, 'discounted': 0.0,
            'gain': 0.0, 'gain_exp': 0.0, 'precision': 0.0, 'first_rank': 0.0, 'inside_r': 0.0,
            'precision_r': 0.0, 'agreed': 0.0, 'relevants': 1
        }, 1))
),
final as (
    select
        measure, entry.label, entry.has_k, entry.better, entry.over_pools, entry.of, entry.also
    from named
    unpivot (entry for measure in (columns(*)))
)
select * from final
