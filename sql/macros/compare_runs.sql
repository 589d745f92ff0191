-- Every pair of several runs, query by query, by one measure over the whole gallery:
-- `from compare_runs(['3f0c', '81d2', 'a7e1'])`, `… measure_name := 'ndcg', cut := 5)`. Ids may be
-- abbreviated. Runs on different data, judgments or directions are not paired. Each pair occurs once, with
-- the run named first as a; in-sample runs are paired only with each other (see compare). The columns are
-- those of `compare`, with p_holm over all rows.
-- @run_a: The run named first.
-- @run_b: The run named later.
-- @representation_a: Dimension, dimension method, precision and variant of run a.
-- @representation_b: Dimension, dimension method, precision and variant of run b.
-- @value_a: The measure of run a.
-- @value_b: The measure of run b.
-- @difference: value_b - value_a.
-- @ci_low: Lower end of the 95% interval of difference.
-- @ci_high: Upper end of the 95% interval of difference.
-- @p: Two-sided p-value of no difference; NULL with a single cluster.
-- @p_holm: p after Holm's correction for all rows.
-- @wins: Queries for which b is better.
-- @losses: Queries for which a is better.
-- @ties: Queries for which neither is better.
-- @fit_a: How the figures of run a were fitted: none, held out, cross-fitted or in-sample.
-- @fit_b: The same for run b.
-- @unseen: The smallest difference that is detected with 80% power; a smaller one may exist.
-- @clusters: Number of visual items by which the errors are clustered.
compare_runs(ids, measure_name := 'recall', cut := 10, in_sample := false) as table
select
    dataset, qrels, direction, run_a, run_b, representation_a, representation_b, measure, k, value_a,
    value_b, difference, ci_low, ci_high, p, p_holm, wins, losses, ties, queries, clusters, fit_a, fit_b, unseen
from compared(ids, 'full', measure_name, cut, in_sample)
where run_a <> run_b
order by dataset, qrels, direction, place_a, place_b
