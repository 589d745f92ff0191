"""The page's questions as SQL: every plot and table shows the rows of one of these.

Each runs unchanged in `cmr sql`. Floats that are used only for ordering are rounded first, because
their last digits depend on the order in which threads add.
"""

from __future__ import annotations

from collections.abc import Sequence

from cmr.answers import quoted
from cmr.report.subject import LEADING, Subject

# No plot or table of the page shows more rows than this.
MOST_ROWS = 1_000
_NAME = "dim || ' ' || dim_method || ' ' || precision"
_MEASURE = "case when k is null then measure else measure || '@' || k end"
# Groups of ranks: label, first and last rank.
RANK_GROUPS = (
    ("1", 1),
    ("2–5", 5),
    ("6–10", 10),
    ("11–50", 50),
    ("51–100", 100),
    ("> 100", None),
)


def chosen(subject: Subject, direction: str | None = None) -> str:
    """The start of a query: the subject's runs, of one direction or both, as `chosen`."""
    way = f" and direction = {quoted(direction)}" if direction else ""
    return f"with chosen as (\n    select run_id from runs where {subject.condition}{way}\n)\n"


def measured(subject: Subject) -> str:
    """One row: what was measured, on what, and how."""
    return f"""\
select
    any_value(datasets.source) as source,
    any_value(datasets.texts) as texts,
    any_value(datasets.visuals) as visuals,
    any_value(datasets.judgments) as judgments,
    any_value(datasets.rejects) as rejects,
    count(*) as runs,
    list(distinct runs.direction order by runs.direction) as directions,
    list(distinct {_NAME} order by {_NAME}) as representations,
    list(distinct runs.device order by runs.device) as devices,
    max(runs.queries) filter (runs.direction = 't2v') as t2v_queries,
    max(runs.queries) filter (runs.direction = 'v2t') as v2t_queries,
    list_distinct(flatten(list(runs.protocols))).list_sort() as protocols,
    list_distinct(flatten(list(runs.candidates))).list_sort() as candidates,
    list_distinct(flatten(list(runs.sampled_candidates))).list_sort() as sampled_candidates
from runs
inner join datasets using (dataset)
where {subject.condition}"""


def kept(subject: Subject, dim: int, dim_method: str, precision: str, k: int) -> str:
    """The share of the baseline that one representation keeps, by direction and measure."""
    return f"""\
{chosen(subject)}\
select
    direction, {_MEASURE} as measure, value, baseline_value, retention, ci_low, ci_high
from retention
semi join chosen using (run_id)
where
    dim = {dim} and dim_method = {quoted(dim_method)} and precision = {quoted(precision)}
    and measure in ('recall', 'hit_rate', 'mrr', 'ndcg') and (k is null or k = {k})
order by direction, measure"""


def board(subject: Subject) -> str:
    """The leaderboard, in the leading order."""
    return f"""\
{chosen(subject)}\
select
    direction, protocol, candidates, {_NAME} as representation, dim, dim_method, precision,
    vector_bytes, hit_rate_1, hit_rate_5, hit_rate_10, recall_10, recall_10_low,
    recall_10_high, recall_10_kept, mrr, ndcg_10, lift_10, run_id
from leaderboard
semi join chosen using (run_id)
order by
    direction, list_position({list(LEADING)}, protocol), candidates desc,
    round(recall_10, 10) desc, vector_bytes, run_id
limit {MOST_ROWS}"""


def quality(subject: Subject, direction: str) -> str:
    """Every leading measure at every K, protocol and C, and what it is beside the baseline's."""
    return f"""\
{chosen(subject, direction)}\
select
    {_NAME} as representation, dim || ' ' || dim_method as width, dim, precision, protocol,
    candidates, measure, k, found.value, ci_low, ci_high, baseline, baseline_value, difference,
    difference_low, difference_high, queries, clusters, run_id
from (select *, coalesce(k, 0) as cut from earned_metrics) as found
semi join chosen using (run_id)
left join (
    select
        run_id, protocol, candidates, measure, coalesce(k, 0) as cut, baseline, baseline_value,
        difference, difference_low, difference_high, clusters
    from differences
) as beside using (run_id, protocol, candidates, measure, cut)
where measure in ('recall', 'hit_rate', 'mrr', 'ndcg')
order by measure, k, dim, dim_method, precision, protocol, candidates, run_id
limit {MOST_ROWS * 12}"""


def growth(subject: Subject, direction: str) -> str:
    """Recall@10 against the size of the gallery, and beyond it, by extrapolation."""
    return f"""\
{chosen(subject, direction)}\
select
    {_NAME} as representation, dim || ' ' || dim_method as width, dim, precision,
    candidates, value, ci_low, ci_high, protocol = 'extrapolated' as extrapolated, run_id
from (from growth union all by name from growth_beyond)
semi join chosen using (run_id)
where measure = 'recall' and k = 10
order by dim, dim_method, precision, run_id, candidates
limit {MOST_ROWS}"""


def lift(subject: Subject, direction: str) -> str:
    """How often what a random ranking expects, by measure, K, protocol and C."""
    return f"""\
{chosen(subject, direction)}\
select
    {_NAME} as representation, protocol, candidates, measure, k, value, chance, lift, run_id
from earned_metrics
semi join chosen using (run_id)
where measure in ('recall', 'hit_rate', 'mrr', 'ndcg')
order by measure, k, protocol, dim, dim_method, precision, run_id, candidates
limit {MOST_ROWS * 12}"""


def cost(subject: Subject, direction: str) -> str:
    """What is kept of every leading measure against bytes, and what is on the Pareto front."""
    return f"""\
{chosen(subject, direction)}\
select
    {_NAME} as representation, dim || ' ' || dim_method as width, dim, precision,
    vector_bytes, vector_bytes / base.base_bytes as bytes_share, measure, k, value, retention,
    ci_low, ci_high, difference, p, clusters,
    round(value, 12) >= max(round(value, 12)) over same_bytes
    and round(value, 12) > coalesce(max(round(value, 12)) over (
        partition by measure, k order by vector_bytes
        range between unbounded preceding and current row exclude group
    ), -1) as front,
    baseline, run_id
from retention
semi join chosen using (run_id)
left join (
    select run_id as baseline, vector_bytes as base_bytes from runs
) as base using (baseline)
where measure in ('recall', 'hit_rate', 'mrr', 'ndcg')
window same_bytes as (partition by measure, k, vector_bytes)
order by measure, k, vector_bytes, round(value, 10), run_id
limit {MOST_ROWS * 10}"""


def models(run_ids: Sequence[str], direction: str) -> str:
    """Every leading measure of every model's representations, with bytes, on one data set."""
    return f"""\
select
    model, {_NAME} as representation, precision, vector_bytes, measure, k, value, value_low,
    value_high, clusters, run_id
from retention
where
    direction = {quoted(direction)} and measure in ('recall', 'hit_rate', 'mrr', 'ndcg')
    and run_id in ({", ".join(map(quoted, run_ids))})
order by measure, k, model, vector_bytes, round(value, 10), run_id
limit {MOST_ROWS * 12}"""


def speed(subject: Subject, direction: str) -> str:
    """How fast each representation is searched, as `cmr bench` measured it on one machine."""
    return f"""\
{chosen(subject, direction)}\
select
    {_NAME} as representation, dim || ' ' || dim_method as width, dim, precision,
    vector_bytes, queries, gallery, queries_per_second, slowest, quickest, p50_ms, p99_ms, k,
    threads, device, run_id
from int_pace
semi join chosen using (run_id)
order by vector_bytes, dim, dim_method, precision, run_id
limit {MOST_ROWS}"""


def latency(subject: Subject, direction: str) -> str:
    """The latency of single queries, by C, under the conditions measured last."""
    return f"""\
{_benched("latencies", subject, direction)}\
select
    concat_ws(', ', {_NAME}, scorer, nullif(variant, '')) as search, {_NAME} as representation,
    dim || ' ' || dim_method as width, dim, precision, candidates, p50_ms, p95_ms, p99_ms,
    singles, threads, device
from mine
order by search, candidates
limit {MOST_ROWS}"""


def ann(subject: Subject, direction: str) -> str:
    """Agreement with an exact search against speed, under the conditions measured last."""
    return f"""\
{_benched("ann_curve", subject, direction)}\
select
    curve, ann_recall, queries_per_second, slowest, quickest, expansion_search, is_exact, k,
    build_seconds, index_vector_bytes, threads, device
from mine
order by curve, ann_recall, queries_per_second
limit {MOST_ROWS}"""


def _benched(view: str, subject: Subject, direction: str) -> str:
    """Rows of a single machine, K and batch, because others are not comparable in a plot."""
    return f"""\
with latest as (
    select conditions from benches where direction = {quoted(direction)}
        and dataset = {quoted(subject.dataset)} and model = {quoted(subject.model)}
    order by started_at desc, conditions limit 1
),
mine as (
    from {view}
    semi join latest using (conditions)
    where direction = {quoted(direction)}
        and dataset = {quoted(subject.dataset)} and model = {quoted(subject.model)}
)
"""


def ranks(subject: Subject, direction: str) -> str:
    """How the ranks of the first relevant item are distributed."""
    cases = " ".join(
        f"when rank <= {last} then {number}"
        for number, (_, last) in enumerate(RANK_GROUPS)
        if last is not None
    )
    names = ", ".join(quoted(label) for label, _ in RANK_GROUPS)
    return f"""\
{chosen(subject, direction)}\
select
    {_NAME} as representation, dim, precision,
    ([{names}])[place + 1] as ranks, place,
    count(*) as queries, count(*) / sum(count(*)) over (partition by run_id) as share, run_id
from (
    select *, case {cases} else {len(RANK_GROUPS) - 1} end as place
    from first_ranks
    semi join chosen using (run_id)
)
group by run_id, dim, dim_method, precision, place
order by dim, dim_method, precision, run_id, place
limit {MOST_ROWS}"""


def compared(run_ids: Sequence[str]) -> str:
    """Every pair of these runs by recall@10 over the whole gallery."""
    names = ", ".join(map(quoted, run_ids))
    return f"""\
select
    representation_a, representation_b, value_a, value_b, difference, ci_low, ci_high,
    p, p_holm, wins, losses, ties, run_a, run_b,
    case
        when p_holm < 0.05 and difference > 0 then 'better'
        when p_holm < 0.05 and difference < 0 then 'worse'
        else 'open'
    end as outcome
from compare_runs([{names}])"""
