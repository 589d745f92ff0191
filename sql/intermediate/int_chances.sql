-- Chance of every run, protocol, C and K, over the run's own numbers of relevant items; NDCG's
-- needs the gains and is computed with its value.
-- @recall: Chance of recall@K.
-- @hit_rate: Chance of hit_rate@K.
-- @mrr: Chance of the reciprocal rank.
-- @mrr_at: Chance of mrr@K.
-- @precision: Chance of precision@K.
with
from_counts as (
    select
        run_id, protocol, int_chance.candidates, k,
        sum(queries_weight * recall) as recall,
        sum(queries_weight * hit_rate) as hit_rate,
        sum(queries_weight * int_chance_mrr.mrr) as mrr,
        sum(queries_weight * mrr_at) as mrr_at,
        sum(queries_weight * precision) as precision
    from int_chance
    inner join int_chance_mrr using (candidates, relevants)
    group by all
),
final as (
    select * from from_counts
)
select * from final
