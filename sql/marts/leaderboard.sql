-- One row per run, protocol and C, best first: the main figures of earned_metrics.
-- @hit_rate_1: hit_rate@1.
-- @hit_rate_5: hit_rate@5.
-- @hit_rate_10: hit_rate@10.
-- @recall_10: recall@10.
-- @recall_10_low: Lower end of its 95% interval.
-- @recall_10_high: Upper end of its 95% interval.
-- @mrr: Mean reciprocal rank of the first relevant item.
-- @ndcg_10: NDCG@10 with gain = relevance.
-- @lift_10: recall@10 / its chance.
-- @recall_10_kept: recall_10 / the baseline's with the same protocol and C; NULL if the baseline was not
-- evaluated this way. Over the whole gallery, with intervals: retention, tradeoffs.
-- @pareto_bytes: Whether no other run of the same data, judgments, model, direction, scorer,
-- protocol and C is at least as good in bytes and recall_10, and better in one of them; NULL of
-- imported lists, which have no bytes.
with
wide as (
    select
        run_id, dataset, qrels, model, direction, dim, dim_method, precision, quantizer, scorer,
        variant, fit, protocol, candidates,
        max(value) filter (measure = 'hit_rate' and k = 1) as hit_rate_1,
        max(value) filter (measure = 'hit_rate' and k = 5) as hit_rate_5,
        max(value) filter (measure = 'hit_rate' and k = 10) as hit_rate_10,
        max(value) filter (measure = 'recall' and k = 10) as recall_10,
        max(ci_low) filter (measure = 'recall' and k = 10) as recall_10_low,
        max(ci_high) filter (measure = 'recall' and k = 10) as recall_10_high,
        max(value) filter (measure = 'mrr') as mrr,
        max(value) filter (measure = 'ndcg' and k = 10) as ndcg_10,
        max(lift) filter (measure = 'recall' and k = 10) as lift_10
    from earned_metrics
    group by all
),
kept as (
    select
        wide.*, runs.vector_bytes,
        wide.recall_10 / nullif(max(case when run_id = int_baselines.baseline then wide.recall_10 end) over (
            partition by int_baselines.baseline, wide.protocol, wide.candidates
        ), 0) as recall_10_kept,
        -- Equal values may differ in their last digits, by the order of summation.
        round(wide.recall_10, 12) as quality
    from wide
    inner join runs using (run_id)
    inner join int_baselines using (run_id)
),
ranked as (
    select
        * exclude (quality),
        case
            when vector_bytes is not null
                then
                    quality >= max(quality) over (same_bytes)
                    and quality > coalesce(max(quality) over (
                        fewer_bytes range between unbounded preceding and current row exclude group
                    ), -1)
        end as pareto_bytes
    from kept
    window
        same_bytes as (
            partition by
                dataset, qrels, model, direction, scorer, protocol, candidates, vector_bytes
        ),
        fewer_bytes as (
            partition by dataset, qrels, model, direction, scorer, protocol, candidates
            order by vector_bytes
        )
),
final as (
    select *
    from ranked
    order by
        dataset, qrels, model, direction,
        list_position(['expected', 'full', 'sampled'], plain_protocol(protocol)), candidates desc,
        round(recall_10, 10) desc, vector_bytes, run_id
)
select * from final
