-- Every pair of several runs, query by query, by one measure over the whole gallery:
-- `from compare_runs(['3f0c', '81d2', 'a7e1'])`, `… measure_name := 'ndcg', cut := 5)`. Ids may be
-- cut short. Runs of other data, judgments or directions are not paired. A pair comes once, with
-- the run that is named first as a; one that was learnt from what it is scored on is paired with its
-- like alone (see compare). What `compare` says of two runs, with p_holm over all rows.
-- @run_a: The run that is named first.
-- @run_b: The run that is named later.
-- @representation_a: Dimension, dimension method, precision and variant of run a.
-- @representation_b: Dimension, dimension method, precision and variant of run b.
-- @value_a: The measure of run a.
-- @value_b: The measure of run b.
-- @difference: value_b - value_a.
-- @ci_low: Lower end of the 95% interval of difference.
-- @ci_high: Upper end of the 95% interval of difference.
-- @p: Two-sided p-value of no difference; NULL with one cluster alone.
-- @p_holm: p after Holm's correction for all rows.
-- @wins: Queries for which b is the better one.
-- @losses: Queries for which a is the better one.
-- @ties: Queries for which neither is.
-- @fit_a: What the figures of run a were learnt from: none, held out, cross-fitted or in-sample.
-- @fit_b: The same of run b.
-- @unseen: The smallest difference that four of five such samples would show; a smaller one may be there.
-- @clusters: Number of visual items that the errors are clustered by.
compare_runs(ids, measure_name := 'recall', cut := 10, in_sample := false) as table
select
    dataset, qrels, direction, run_a, run_b, representation_a, representation_b, measure, k, value_a,
    value_b, difference, ci_low, ci_high, p, p_holm, wins, losses, ties, queries, clusters, fit_a, fit_b, unseen
from compared(ids, 'full', measure_name, cut, in_sample)
where run_a <> run_b
order by dataset, qrels, direction, place_a, place_b
