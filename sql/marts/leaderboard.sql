-- One row a run, protocol and C, best first: what people look at.
-- @hit_rate_1: hit_rate@1.
-- @hit_rate_5: hit_rate@5.
-- @hit_rate_10: hit_rate@10.
-- @recall_10: recall@10.
-- @recall_10_low: Lower end of its 95% interval.
-- @recall_10_high: Upper end of its 95% interval.
-- @mrr: Mean reciprocal rank of the first relevant item.
-- @ndcg_10: NDCG@10 with gain = relevance.
-- @lift_10: recall@10 / its chance.
with
wide as (
    select
        run_id, dataset, qrels, model, direction, dim, dim_method, precision, quantizer, scorer,
        variant, protocol, candidates,
        max(value) filter (measure = 'hit_rate' and k = 1) as hit_rate_1,
        max(value) filter (measure = 'hit_rate' and k = 5) as hit_rate_5,
        max(value) filter (measure = 'hit_rate' and k = 10) as hit_rate_10,
        max(value) filter (measure = 'recall' and k = 10) as recall_10,
        max(ci_low) filter (measure = 'recall' and k = 10) as recall_10_low,
        max(ci_high) filter (measure = 'recall' and k = 10) as recall_10_high,
        max(value) filter (measure = 'mrr') as mrr,
        max(value) filter (measure = 'ndcg' and k = 10) as ndcg_10,
        max(lift) filter (measure = 'recall' and k = 10) as lift_10
    from metrics
    group by all
),
final as (
    select wide.*, runs.vector_bytes
    from wide
    inner join runs using (run_id)
    order by
        wide.dataset, wide.qrels, wide.model, wide.direction,
        list_position(['expected', 'full', 'sampled'], wide.protocol),
        wide.candidates desc, round(wide.recall_10, 10) desc, runs.vector_bytes, wide.run_id
)
select * from final
