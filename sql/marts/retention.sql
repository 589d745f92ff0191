-- What every representation keeps of the baseline's measures over the whole gallery, with the 95%
-- interval of the ratio: paired by query, clustered by visual item, by the delta method (Cochran,
-- Sampling techniques, 1977, section 6.4), and the paired test of the difference, as compare's. Its
-- first CTE stands in for the view of its name: the whole gallery counts, whatever protocols a run
-- was asked for.
-- @retention: value / the baseline's.
-- @ci_low: Lower end of the 95% interval of retention.
-- @ci_high: Upper end of the 95% interval of retention.
-- @baseline: The run compared with: fp32 at the native dimension, else the finest there is.
-- @baseline_is: native fp32, or finest available.
-- @baseline_value: The baseline's value.
-- @value: The measure, over the whole gallery.
-- @value_low: Lower end of the 95% interval of value.
-- @value_high: Upper end of the 95% interval of value.
-- @difference: value - baseline_value.
-- @p: Two-sided p-value of no difference, not corrected; NULL with one cluster alone.
with
int_pools as (
    select run_id, 'full' as protocol, gallery as candidates from runs
),
sums as (
    select * from int_cluster_sums
),
paired as (
    select
        x.run_id, int_baselines.baseline, int_baselines.baseline_is, x.k,
        count(*) as clusters,
        sum(x.n) as queries,
        sum(x.n * x.n) as nn,
        unnest(['recall', 'hit_rate', 'mrr', 'mrr@k', 'ndcg', 'ndcg_exp', 'precision']) as measure,
        unnest([
            sum_known(x.recall), sum_known(x.hit_rate), sum_known(x.mrr), sum_known(x.mrr_at), sum_known(x.ndcg), sum_known(x.ndcg_exp),
            sum_known(x.precision)
        ]) as total,
        unnest([
            sum_known(y.recall), sum_known(y.hit_rate), sum_known(y.mrr), sum_known(y.mrr_at), sum_known(y.ndcg), sum_known(y.ndcg_exp),
            sum_known(y.precision)
        ]) as base,
        unnest([
            sum_known(x.recall ** 2), sum_known(x.hit_rate ** 2), sum_known(x.mrr ** 2), sum_known(x.mrr_at ** 2), sum_known(x.ndcg ** 2),
            sum_known(x.ndcg_exp ** 2), sum_known(x.precision ** 2)
        ]) as xx,
        unnest([
            sum_known(y.recall ** 2), sum_known(y.hit_rate ** 2), sum_known(y.mrr ** 2), sum_known(y.mrr_at ** 2), sum_known(y.ndcg ** 2),
            sum_known(y.ndcg_exp ** 2), sum_known(y.precision ** 2)
        ]) as yy,
        unnest([
            sum_known(x.recall * y.recall), sum_known(x.hit_rate * y.hit_rate), sum_known(x.mrr * y.mrr), sum_known(x.mrr_at * y.mrr_at),
            sum_known(x.ndcg * y.ndcg), sum_known(x.ndcg_exp * y.ndcg_exp), sum_known(x.precision * y.precision)
        ]) as xy,
        unnest([
            sum_known(x.n * x.recall), sum_known(x.n * x.hit_rate), sum_known(x.n * x.mrr), sum_known(x.n * x.mrr_at), sum_known(x.n * x.ndcg),
            sum_known(x.n * x.ndcg_exp), sum_known(x.n * x.precision)
        ]) as nx,
        unnest([
            sum_known(x.n * y.recall), sum_known(x.n * y.hit_rate), sum_known(x.n * y.mrr), sum_known(x.n * y.mrr_at), sum_known(x.n * y.ndcg),
            sum_known(x.n * y.ndcg_exp), sum_known(x.n * y.precision)
        ]) as ny,
        -- Of the difference itself, for Σx² - 2Σxy + Σy² loses the small ones.
        unnest([
            sum_known((x.recall - y.recall) ** 2), sum_known((x.hit_rate - y.hit_rate) ** 2),
            sum_known((x.mrr - y.mrr) ** 2), sum_known((x.mrr_at - y.mrr_at) ** 2), sum_known((x.ndcg - y.ndcg) ** 2),
            sum_known((x.ndcg_exp - y.ndcg_exp) ** 2), sum_known((x.precision - y.precision) ** 2)
        ]) as dd
    from sums as x
    inner join int_baselines using (run_id)
    inner join sums as y
        on y.run_id = int_baselines.baseline and y.k = x.k and y.cluster = x.cluster
    group by x.run_id, int_baselines.baseline, int_baselines.baseline_is, x.k
),
estimated as (
    select
        *,
        total / nullif(base, 0) as kept,
        total / queries as value,
        -- The last digits of equal values differ by the order in which they were summed.
        case when abs(total - base) > 1e-12 * xx then (total - base) / queries else 0.0 end
            as difference,
        xx - 2 * kept * xy + kept * kept * yy as residual,
        xx - 2 * value * nx + value * value * nn as own,
        dd - 2 * difference * (nx - ny) + difference * difference * nn as paired_residual,
        clustered_error(residual, xx, clusters, base) as error,
        clustered_error(own, xx, clusters, queries) as value_error,
        clustered_error(
            case when dd <= 1e-24 * xx then 0.0 else paired_residual end, dd, clusters, queries
        ) as difference_error
    from paired
),
first_cutoffs as (
    select run_id, min(k) as first_k from int_cutoffs group by run_id
),
final as (
    select
        runs.run_id, runs.dataset, runs.qrels, runs.model, runs.direction, runs.dim,
        runs.dim_method,
        runs.precision, runs.quantizer, runs.scorer, runs.variant, runs.vector_bytes, estimated.measure,
        case when estimated.measure <> 'mrr' then estimated.k end as k,
        estimated.value,
        estimated.value - 1.959963984540054 * estimated.value_error as value_low,
        estimated.value + 1.959963984540054 * estimated.value_error as value_high,
        estimated.baseline, estimated.baseline_is,
        estimated.base / estimated.queries as baseline_value,
        estimated.difference,
        difference_p(estimated.difference, estimated.difference_error) as p,
        estimated.kept as retention,
        estimated.kept - 1.959963984540054 * estimated.error as ci_low,
        estimated.kept + 1.959963984540054 * estimated.error as ci_high
    from estimated
    inner join runs using (run_id)
    inner join first_cutoffs using (run_id)
    where estimated.measure <> 'mrr' or estimated.k = first_cutoffs.first_k
)
select * from final
