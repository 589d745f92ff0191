-- The representation with the fewest bytes that is sure to keep a share of each measure of native fp32:
-- `from recommend()`, `from recommend(retain := 0.95)`. Sure means that retention's sure_low, which holds
-- for all candidates together, is at least that share. The columns point_… describe the smallest whose
-- retention itself is, which a repeated measurement may well not confirm. If no advice is justified, or
-- there are too few visual items for that share, unearned says so, and nothing is sure.
-- @retention: The measure / the baseline's.
-- @ci_low: Lower end of the 95% interval of retention.
-- @ci_high: Upper end of the 95% interval of retention.
-- @sure_low: Lower bound of retention that holds for all candidate runs together in 97.5% of samples.
-- @looks: Number of candidate runs that could replace the baseline.
-- @unseen_share: The smallest loss that is detected with 80% power, as a share of the baseline's measure,
-- for the run with the least power.
-- @baseline: The run it is compared with: fp32 at the native dimension, else the finest that is not lifted.
-- @baseline_is: native fp32, or finest available.
-- @point_run_id: Run of the smallest whose retention itself suffices.
-- @point_dim: Dimension of the smallest whose retention itself suffices.
-- @point_dim_method: Dimension method of the smallest whose retention itself suffices.
-- @point_precision: Precision of the smallest whose retention itself suffices.
-- @point_variant: Quantiser and search of the smallest whose retention itself suffices.
-- @point_vector_bytes: Bytes per vector of the smallest whose retention itself suffices.
-- @point_retention: Retention of the smallest whose retention itself suffices.
-- @point_ci_low: Lower end of the 95% interval of point_retention.
-- @point_ci_high: Upper end of the 95% interval of point_retention.
-- @unearned: Why nothing is recommended, in words; NULL where the representations decide.
create macro recommend(retain := 0.99) as table
select
    dataset, qrels, of_model as model, direction, scorer, measure, k, run_id, dim, dim_method, precision, variant, vector_bytes, retention, ci_low, ci_high, sure_low,
    point_run_id, point_dim, point_dim_method, point_precision, point_variant, point_vector_bytes,
    point_retention, point_ci_low, point_ci_high, baseline, baseline_is, unearned, looks,
    unseen_share
from recommended(retain, false);

-- Across all models of a data set: the representation, of any of them, with the fewest bytes that is sure to
-- keep a share of each measure of the best model: `from recommend_models()`. The best is the one whose
-- baseline has the highest recall@10 in the data; of several close models another may be the best
-- (`compare`). Data sets with a single model have no rows. See recommend.
-- @model: Model of the smallest that is sure.
-- @retention: The measure / the best model's.
-- @ci_low: Lower end of the 95% interval of retention.
-- @ci_high: Upper end of the 95% interval of retention.
-- @sure_low: Lower bound of retention that holds for all candidate runs together in 97.5% of samples.
-- @looks: Number of candidate runs, of all models, that could replace the best model's baseline.
-- @unseen_share: The smallest loss that is detected with 80% power, as a share of the best model's measure,
-- for the run with the least power.
-- @baseline_model: The best model, by recall@10 of its baseline.
-- @baseline: Its baseline.
-- @point_run_id: Run of the smallest whose retention itself suffices.
-- @point_dim: Dimension of the smallest whose retention itself suffices.
-- @point_dim_method: Dimension method of the smallest whose retention itself suffices.
-- @point_precision: Precision of the smallest whose retention itself suffices.
-- @point_variant: Quantiser and search of the smallest whose retention itself suffices.
-- @point_vector_bytes: Bytes per vector of the smallest whose retention itself suffices.
-- @point_retention: Retention of the smallest whose retention itself suffices.
-- @point_ci_low: Lower end of the 95% interval of point_retention.
-- @point_ci_high: Upper end of the 95% interval of point_retention.
-- @point_model: Model of the smallest whose retention itself suffices.
-- @unearned: Why nothing is recommended, in words; NULL where the representations decide.
create macro recommend_models(retain := 0.99) as table
select
    dataset, qrels, direction, scorer, measure, k, model, run_id, dim, dim_method, precision, variant, vector_bytes, retention, ci_low, ci_high, sure_low,
    point_model, point_run_id, point_dim, point_dim_method, point_precision, point_variant, point_vector_bytes,
    point_retention, point_ci_low, point_ci_high, baseline_model, baseline, unearned, looks,
    unseen_share
from recommended(retain, true);
