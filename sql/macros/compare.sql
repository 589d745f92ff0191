-- True if two runs, whose ids may be abbreviated, can be compared query by query; else an error that says
-- why not.
create macro comparable(run_a, run_b, pools, in_sample) as
    (
        select
            case
                when plain_protocol(pools) not in ('full', 'expected', 'sampled')
                    then error('pools is full, expected or sampled, or of grouped captions grouped, grouped_expected or grouped_sampled')::boolean
                when
                    plain_protocol(pools) <> pools
                    and not bool_and("grouped") filter (begins_with(run_id, [run_a, run_b]))
                    then error('the runs rank captions singly: pools is full, expected or sampled')::boolean
                when
                    one_run(count(*) filter (starts_with(run_id, run_a)), run_a)
                    and one_run(count(*) filter (starts_with(run_id, run_b)), run_b)
                    and min((dataset, qrels, dataset_fingerprint, direction)) filter (
                        begins_with(run_id, [run_a, run_b])
                    ) <> max((dataset, qrels, dataset_fingerprint, direction)) filter (
                        begins_with(run_id, [run_a, run_b])
                    )
                    then error('the runs differ in data set, judgments or direction, so no query is shared')::boolean
                when
                    in_sample is distinct from true
                    and bool_or(shown_fit(fit, evidence_fit, plain_protocol(pools), false) = 'in-sample') filter (
                        begins_with(run_id, [run_a, run_b])
                    )
                    and bool_or(shown_fit(fit, evidence_fit, plain_protocol(pools), false) <> 'in-sample') filter (
                        begins_with(run_id, [run_a, run_b])
                    )
                    then error(
                        'run ' || min(run_id) filter (
                            begins_with(run_id, [run_a, run_b])
                            and shown_fit(fit, evidence_fit, plain_protocol(pools), false) = 'in-sample'
                        )
                        || ' was learnt from what it is scored on' || case plain_protocol(pools) when 'sampled' then ', in drawn pools,' else '' end
                        || ' and the other run was not: `cmr evaluate` scores it on held-out queries, a graph only with '
                        || '--fit-on another data set; --in-sample (in_sample := true) compares them as they are'
                    )::boolean
                else true
            end
        from runs
    );

-- Run b against run a, query by query, for every measure: `from compare('3f0c', '81d2')`. Ids may be
-- abbreviated. difference is b - a, with interval and p-value paired by query and clustered by visual item;
-- p_holm is the p-value after Holm (1979) over all rows. wins counts the queries for which b is better.
-- pools := 'expected' or 'sampled' compares over pools instead of the gallery; two runs of grouped captions are
-- compared over visuals, and their protocol says so. Runs whose basis or
-- quantiser was fitted in folds are compared by held-out queries; a run that was only scored on what it was
-- learnt from is compared with other runs only if in_sample := true.
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
create macro compare(run_a, run_b, pools := 'full', in_sample := false) as table
with
alike as (
    select comparable(run_a, run_b, coalesce(pools, 'full'), in_sample) as fine
),
final as (
    select
        shown_protocol(protocol, qrels = 'grouped') as protocol, candidates, measure, k, value_a, value_b,
        difference, ci_low, ci_high, p, p_holm, wins, losses, ties, queries, clusters, fit_a, fit_b, unseen
    from alike
    -- So that a mistake is reported even if there is no row.
    left join compared([run_a, run_b], plain_protocol(coalesce(pools, 'full')), null, null, in_sample) on true
    where fine and protocol is not null
    order by protocol, candidates, measure, k
)
select * from final;

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
create macro compare_runs(ids, measure_name := 'recall', cut := 10, in_sample := false) as table
select
    dataset, qrels, direction, run_a, run_b, representation_a, representation_b, measure, k, value_a,
    value_b, difference, ci_low, ci_high, p, p_holm, wins, losses, ties, queries, clusters, fit_a, fit_b, unseen
from compared(ids, 'full', measure_name, cut, in_sample)
where run_a <> run_b
order by dataset, qrels, direction, place_a, place_b;
