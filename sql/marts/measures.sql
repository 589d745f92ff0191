-- The measures, one row each: the possible values of the column measure of `metrics`.
-- @label: Its name in a heading.
-- @has_k: Whether it has a cut-off K.
-- @better: higher or lower.
-- @over_pools: Whether it is also known over candidate pools, or only over the whole gallery.
-- @of: How the queries' values are aggregated: mean or median; lists: only for returned lists.
-- @also: Its other names in the field.
with
named as (
    select
        unnest(measured({
            'inside': 0.0, 'first_k': 0.0, 'reciprocal': 0.0, 'reciprocal_k': 0.0, 'discounted': 0.0,
            'gain': 0.0, 'gain_exp': 0.0, 'relevants': 1
        }, 1))
),
named_whole as (
    select
        unnest(measured_whole({
            'precision': 0.0, 'first_rank': 0.0, 'inside_r': 0.0, 'precision_r': 0.0, 'agreed': 0.0, 'relevants': 1
        }))
),
final as (
    select measure, entry.label, entry.has_k, entry.better, true as over_pools, entry.of, entry.also
    from named
    unpivot (entry for measure in (columns(*)))
    union all
    select measure, entry.label, entry.has_k, entry.better, false as over_pools, entry.of, entry.also
    from named_whole
    unpivot (entry for measure in (columns(*)))
)
select * from final
