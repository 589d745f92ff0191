-- ANN recall against speed: one row for each one-stage search that `cmr bench` measured in batches. Rows of
-- one graph (dim, precision, quantizer, connectivity, expansion_add) form a curve over expansion_search;
-- exact searches are at 1. Only plot rows with the same conditions together.
-- @curve: Label of the curve: representation, scorer and the graph's settings.
-- @ann_recall: Share of the exact top k that was found; items tied with its last one count.
-- @queries_per_second: In batches, the median over the repeats.
-- @slowest: Queries per second in the slowest repeat.
-- @quickest: Queries per second in the fastest repeat.
-- @p50_ms: Median time of a single query over the whole gallery, milliseconds.
-- @p99_ms: 99 of 100 single queries took at most this long.
-- @build_seconds: Median seconds to build the index from vectors in memory.
-- @is_exact: Whether it is an exact search.
-- @best: Whether no other with the same conditions, data, dimension and precision is at least as good in
-- both ann_recall and speed.
-- @conditions: Hash of machine, threads, k and batch.
with
points as (
    select distinct on (contender, conditions)
        *,
        scorer in ('torch', 'usearch-exact') as is_exact,
        concat_ws(
            ' ', dim, nullif(dim_method, 'native'), precision, nullif(quantizer, 'absmax'), scorer,
            scorer_options, 'M ' || connectivity, 'ef ' || expansion_add
        ) as curve
    from speed
    where measured = 'bench' and rescore is null and queries_per_second is not null
),
final as (
    select
        dataset, model, direction, curve, dim, dim_method, precision, quantizer, scorer,
        scorer_options, connectivity, expansion_add, expansion_search, is_exact, ann_recall, k, queries_per_second,
        slowest, quickest, p50_ms, p99_ms, build_seconds, vector_bytes, index_vector_bytes,
        not exists (
            from points as y
            where
                y.dataset = points.dataset
                and y.model = points.model
                and y.direction = points.direction
                and y.conditions = points.conditions
                and y.dim = points.dim
                and y.dim_method = points.dim_method
                and y.precision = points.precision
                and y.quantizer is not distinct from points.quantizer
                and y.ann_recall >= points.ann_recall
                and y.queries_per_second >= points.queries_per_second
                and (
                    y.ann_recall > points.ann_recall
                    or y.queries_per_second > points.queries_per_second
                )
        ) as best,
        gallery, threads, device, race, conditions, machine
    from points
    order by dataset, model, direction, conditions, curve, expansion_search
)
select * from final
