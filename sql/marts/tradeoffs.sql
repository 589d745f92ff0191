-- What every representation costs and keeps, over the whole gallery.
-- @bytes_share: vector_bytes / those of the baseline.
-- @recall_10: recall@10.
-- @mrr: Mean reciprocal rank of the first relevant item.
-- @ndcg_10: NDCG@10 with gain = relevance.
-- @recall_10_kept: recall_10 / the baseline's.
-- @mrr_kept: mrr / the baseline's.
-- @ndcg_10_kept: ndcg_10 / the baseline's.
-- @baseline: The run compared with: fp32 at the native dimension, else the best there is.
-- @baseline_is: native fp32, or best available.
-- @queries_per_second: Queries scored a second, in the pass that serves both directions.
-- @pareto: Whether no other representation has both fewer bytes and a better recall_10.
with
wide as (
    select
        run_id, dataset, model, direction, dim, dim_method, precision, scorer,
        max(value) filter (measure = 'recall' and k = 10) as recall_10,
        max(value) filter (measure = 'mrr') as mrr,
        max(value) filter (measure = 'ndcg' and k = 10) as ndcg_10
    from metrics
    where protocol = 'full'
    group by all
),
costed as (
    select wide.*, speed.vector_bytes, speed.queries_per_second
    from wide
    inner join speed using (run_id)
),
based as (
    select
        *,
        first_value(struct_pack(
            run_id := run_id, precision := precision, dim_method := dim_method,
            recall_10 := recall_10, mrr := mrr, ndcg_10 := ndcg_10, vector_bytes := vector_bytes
        )) over (
            partition by dataset, model, direction, scorer
            order by
                (precision = 'fp32' and dim_method = 'native') desc,
                case when precision = 'fp32' and dim_method = 'native' then dim end desc,
                recall_10 desc, vector_bytes desc, run_id
        ) as base
    from costed
),
final as (
    select
        run_id, dataset, model, direction, dim, dim_method, precision, scorer, vector_bytes,
        vector_bytes / base.vector_bytes as bytes_share,
        recall_10, mrr, ndcg_10,
        recall_10 / base.recall_10 as recall_10_kept,
        mrr / base.mrr as mrr_kept,
        ndcg_10 / base.ndcg_10 as ndcg_10_kept,
        base.run_id as baseline,
        case
            when base.precision = 'fp32' and base.dim_method = 'native' then 'native fp32'
            else 'best available'
        end as baseline_is,
        queries_per_second,
        not exists (
            from based as other
            where
                other.dataset = based.dataset and other.model = based.model
                and other.direction = based.direction and other.scorer = based.scorer
                and other.vector_bytes <= based.vector_bytes
                and other.recall_10 >= based.recall_10
                and (other.vector_bytes < based.vector_bytes or other.recall_10 > based.recall_10)
        ) as pareto
    from based
)
select * from final
