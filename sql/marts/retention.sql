-- What every representation keeps of the baseline's measures over the whole gallery, with the 95%
-- score interval of the ratio (score_reach), paired by query and clustered by visual item, and the
-- paired test of the difference, as compare's. NULL where there is no baseline. Its first CTE stands
-- in for the view of its name: the whole gallery counts, whatever protocols a run was asked for.
-- @retention: value / the baseline's.
-- @ci_low: Lower end of the 95% interval of retention.
-- @ci_high: Upper end of the 95% interval of retention.
-- @baseline: The run compared with: fp32 at the native dimension, else the finest that is not lifted.
-- @baseline_is: native fp32, or finest available.
-- @baseline_value: The baseline's value.
-- @value: The measure, over the whole gallery.
-- @value_low: Lower end of the 95% interval of value.
-- @value_high: Upper end of the 95% interval of value.
-- @difference: value - baseline_value.
-- @p: Two-sided p-value of no difference, not corrected; NULL with one cluster alone.
-- @clusters: Number of visual items that the errors are clustered by.
-- @alike_low: What ci_low would be of ranks that are all the baseline's: with so many visual items
-- hardly anything is surer.
-- @chance: What a random ranking expects of the measure.
-- @unearned: Why no advice is given by this row, in words; NULL where it may be.
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
        sum(x.gain) / queries as ndcg_chance,
        sum(x.gain_exp) / queries as ndcg_exp_chance,
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
        ]) as dd,
        unnest([
            sum_known(abs(x.recall - y.recall)), sum_known(abs(x.hit_rate - y.hit_rate)),
            sum_known(abs(x.mrr - y.mrr)), sum_known(abs(x.mrr_at - y.mrr_at)),
            sum_known(abs(x.ndcg - y.ndcg)),
            sum_known(abs(x.ndcg_exp - y.ndcg_exp)), sum_known(abs(x.precision - y.precision))
        ]) as ad
    from sums as x
    inner join int_baselines using (run_id)
    left join sums as y
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
        xx - 2 * value * nx + value * value * nn as own,
        dd - 2 * difference * (nx - ny) + difference * difference * nn as paired_residual,
        kept_reach(total, nullif(base, 0), xx, xy, yy, dd, ad, clusters, -1) as below,
        kept_reach(total, nullif(base, 0), xx, xy, yy, dd, ad, clusters, 1) as above,
        base / (base + kept_reach(base, nullif(base, 0), yy, yy, yy, 0, 0, clusters, -1)) as alike_low,
        cluster_spread(own, xx, clusters) as value_spread,
        cluster_spread(
            case when dd <= 1e-24 * xx then 0.0 else paired_residual end, dd, clusters
        ) as difference_spread,
        base / queries as baseline_value,
        yy - 2 * baseline_value * ny + baseline_value * baseline_value * nn as base_residual,
        share_end(
            baseline_value, cluster_spread(base_residual, yy, clusters), queries, clusters, 0
        ) as baseline_low
    from paired
),
chances as (
    select
        run_id, k,
        unnest(['recall', 'hit_rate', 'mrr', 'mrr@k', 'precision']) as measure,
        unnest([recall, hit_rate, mrr, mrr_at, precision]) as chance
    from int_chances
),
chanced as (
    select
        estimated.*,
        coalesce(
            chances.chance,
            case estimated.measure when 'ndcg' then ndcg_chance else ndcg_exp_chance end
            * discount_sum(least(estimated.k, runs.gallery)) / runs.gallery
        ) as chance
    from estimated
    inner join runs using (run_id)
    left join chances using (run_id, k, measure)
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
        share_end(estimated.value, value_spread, estimated.queries, clusters, 0) as value_low,
        share_end(estimated.value, value_spread, estimated.queries, clusters, 1) as value_high,
        estimated.baseline, estimated.baseline_is,
        estimated.baseline_value,
        estimated.difference,
        difference_p(
            estimated.difference * estimated.queries, difference_spread,
            piece(dd, ad, 1, 0), clusters
        ) as p,
        estimated.kept as retention,
        kept * total / (total + below) as ci_low,
        kept + above / base as ci_high,
        clusters, estimated.alike_low, estimated.chance,
        unearned(
            estimated.baseline, clusters, baseline_low, estimated.baseline_value,
            estimated.chance,
            estimated.measure
            || case when estimated.measure <> 'mrr' then '@' || estimated.k else '' end
        ) as unearned
    from chanced as estimated
    inner join runs using (run_id)
    inner join first_cutoffs using (run_id)
    where estimated.measure <> 'mrr' or estimated.k = first_cutoffs.first_k
)
select * from final
