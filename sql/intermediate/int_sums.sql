-- Sums over the queries of a run, protocol, C and K, with those that clustered errors need:
-- for a cluster's sum s and number n of queries, Σ s², Σ n s and Σ n².
-- @clusters: Number of visual items that have a query.
-- @nn: Σ n².
-- @weight: Number of queries, draws counted apart.
-- @ndcg_chance: Σ gain / ideal, for the chance of ndcg.
-- @ndcg_exp_chance: The same for ndcg_exp.
-- @sums: Σ s of recall, hit_rate, mrr, ndcg, ndcg_exp, precision.
-- @squares: Σ s² of the same.
-- @products: Σ n s of the same.
with
final as (
    select
        run_id, protocol, candidates, k,
        count(*) as clusters,
        sum(n) as weight,
        sum(n * n) as nn,
        sum(gain) as ndcg_chance,
        sum(gain_exp) as ndcg_exp_chance,
        [sum(recall), sum(hit_rate), sum(mrr), sum(ndcg), sum(ndcg_exp), sum(precision)] as sums,
        [
            sum(recall * recall), sum(hit_rate * hit_rate), sum(mrr * mrr), sum(ndcg * ndcg),
            sum(ndcg_exp * ndcg_exp), sum(precision * precision)
        ] as squares,
        [
            sum(n * recall), sum(n * hit_rate), sum(n * mrr), sum(n * ndcg), sum(n * ndcg_exp),
            sum(n * precision)
        ] as products
    from int_cluster_sums
    group by run_id, protocol, candidates, k
)
select * from final
