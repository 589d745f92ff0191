-- Sums over the queries of a run, protocol, C and K, with those that clustered errors need:
-- for a cluster's sum s and number n of queries, Σ s², Σ n s and Σ n².
-- @clusters: Number of visual items that have a query.
-- @nn: Σ n².
-- @weight: Number of queries, draws counted apart.
-- @ndcg_chance: Σ gain / ideal, for the chance of ndcg.
-- @ndcg_exp_chance: The same for ndcg_exp.
-- @sums: Σ s of recall, hit_rate, mrr, mrr@k, ndcg, ndcg_exp, precision.
-- @squares: Σ s² of the same.
-- @products: Σ n s of the same.
with
final as (
    select
        run_id, protocol, candidates, k,
        count(*) as clusters,
        sum_known(n) as weight,
        sum_known(n * n) as nn,
        sum_known(gain) as ndcg_chance,
        sum_known(gain_exp) as ndcg_exp_chance,
        [
            sum_known(recall), sum_known(hit_rate), sum_known(mrr), sum_known(mrr_at),
            sum_known(ndcg), sum_known(ndcg_exp), sum_known(precision)
        ] as sums,
        [
            sum_known(recall * recall), sum_known(hit_rate * hit_rate), sum_known(mrr * mrr),
            sum_known(mrr_at * mrr_at), sum_known(ndcg * ndcg), sum_known(ndcg_exp * ndcg_exp),
            sum_known(precision * precision)
        ] as squares,
        [
            sum_known(n * recall), sum_known(n * hit_rate), sum_known(n * mrr),
            sum_known(n * mrr_at), sum_known(n * ndcg), sum_known(n * ndcg_exp),
            sum_known(n * precision)
        ] as products
    from int_cluster_sums
    group by run_id, protocol, candidates, k
)
select * from final
