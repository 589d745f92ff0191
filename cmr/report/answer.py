"""The answer: the fewest bytes per vector that are sure to keep enough quality, for one subject."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from cmr.answers import fetch, quoted
from cmr.report.subject import AllModels, Subject
from cmr.rows import Row

if TYPE_CHECKING:
    import duckdb

# What a representation has to keep; each measure has its own interval.
MEASURES = ("hit_rate", "recall", "mrr", "ndcg")
# What representations keep of their own model's baseline; across_models has it of the best model.
RETENTION, ACROSS = "retention", "across_models"
# Why nothing is recommended.
NO_BASELINE, TOO_FEW, NEAR_CHANCE, TOO_FEW_FOR_SHARE = "baseline", "few", "chance", "share"
_SEEN = """
    select seen, count(distinct (dim, dim_method, precision, variant)) as many
    from retention
    semi join (select run_id from runs where {condition}) using (run_id)
    where seen is not null
    group by seen
    order by seen
"""


@dataclass(frozen=True)
class Baseline:
    """What the others are compared with: `name`, such as `512 native fp32`, or None.

    `missing`: the options that would evaluate native fp32, if it was not evaluated.
    """

    name: str | None
    missing: str | None

    @property
    def lack(self) -> str:
        """That native fp32 is missing, in words, or ""."""
        return "" if self.missing is None else f"native fp32 was not evaluated: add {self.missing}"


@dataclass(frozen=True)
class Answer:
    """`smallest`: the smallest representation that is sure to keep enough, see `sure_sql`.

    `why_not`: the row of `why_sql` if no advice is justified, or None. `seen`: for each reason why
    representations can never be sure, having seen too much of what they are scored on, their
    number.
    """

    baseline: Baseline
    smallest: Row | None
    why_not: Row | None
    seen: tuple[tuple[str, int], ...] = ()

    @property
    def lack(self) -> str:
        """What is missing for a better answer, as sentences that each follow a space, or ""."""
        said = [self.baseline.lack] if self.baseline.lack else []
        for why, many in self.seen:
            verb = "is" if many == 1 else "are"
            said.append(
                f"{many} of what was evaluated {verb} not sure of anything: {why}; --fit-on "
                "learns elsewhere, and without it `cmr evaluate` cross-fits all but graphs "
                "and engines that learn from nothing but what they hold"
            )
        return "".join(f" {one[0].upper()}{one[1:]}." for one in said)


def sure_sql(
    subject: Subject | AllModels,
    retain: float,
    k: int = 10,
    measures: Sequence[str] = MEASURES,
    view: str = RETENTION,
) -> str:
    """The query for the smallest representation whose lower bounds are all above `retain`.

    It returns no row, or one: model, dim, dim_method, precision, variant, vector_bytes, share (of
    the baseline's bytes), low (the lowest lower bound), directions and is_baseline. `view`:
    `retention`, or `across_models` for what is kept of the best model.
    """
    named = ", ".join(map(quoted, measures))
    return f"""\
with chosen as (
    select run_id, direction from runs where {subject.condition}
)
select
    model, dim, dim_method, precision, variant, kept.vector_bytes,
    max(kept.vector_bytes / base.vector_bytes) as share,
    min(sure_low) as low,
    count(distinct kept.direction) as directions,
    bool_and(kept.run_id = baseline) as is_baseline
from {view} as kept
semi join chosen using (run_id)
inner join (select run_id as baseline, vector_bytes from runs) as base using (baseline)
where measure in ({named}) and (k is null or k = {k})
group by model, dim, dim_method, precision, variant, kept.vector_bytes
having
    bool_and(coalesce(sure_low >= {retain!r} and unearned is null, false))
    and count(distinct kept.direction) = (select count(distinct direction) from chosen)
order by kept.vector_bytes, round(low, 10) desc, model, dim, dim_method, precision, variant
limit 1"""


def why_sql(
    subject: Subject | AllModels,
    retain: float,
    k: int = 10,
    measures: Sequence[str] = MEASURES,
    view: str = RETENTION,
) -> str:
    """The query for why no advice is justified: no row, or the most important reason.

    Its columns: kind (NO_BASELINE, …), why (in words), clusters, fewest, measure, k,
    baseline_value, chance, and, if there are too few items for the share, alike_low (the lower
    bound if all ranks were the same) and needed (how many items it takes).
    """
    named = ", ".join(map(quoted, measures))
    return f"""\
select
    case
        when baseline is null then {quoted(NO_BASELINE)}
        when clusters < fewest_clusters() then {quoted(TOO_FEW)}
        when unearned is not null then {quoted(NEAR_CHANCE)}
        else {quoted(TOO_FEW_FOR_SHARE)}
    end as kind,
    coalesce(
        unearned,
        case when alike_low < {retain!r} then too_few(clusters, alike_low, {retain!r}) end
    ) as why,
    clusters, fewest_clusters() as fewest, measure, k, baseline_value, chance, alike_low,
    clusters_needed(clusters, alike_low, {retain!r}) as needed
from {view}
semi join (select run_id from runs where {subject.condition}) using (run_id)
where
    measure in ({named}) and (k is null or k = {k}) and value is not null
    and seen is null and why is not null
order by
    list_position(['baseline', 'few', 'chance', 'share'], kind), clusters,
    case when kind = 'share' then alike_low end, baseline_value - chance, measure, direction, run_id
limit 1"""


def smallest_sure(
    con: duckdb.DuckDBPyConnection,
    subject: Subject,
    retain: float,
    k: int = 10,
    measures: Sequence[str] = MEASURES,
) -> Row | None:
    """The row of `sure_sql`, or None if none is sure to keep that much."""
    rows = fetch(con, sure_sql(subject, retain, k, measures)).to_pylist()
    return rows[0] if rows else None


def answer(con: duckdb.DuckDBPyConnection, subject: Subject, retain: float, k: int = 10) -> Answer:
    """The answer for a subject: what is sure to keep `retain`, or why there is no advice."""
    reasons = fetch(con, why_sql(subject, retain, k)).to_pylist()
    best = None if reasons else smallest_sure(con, subject, retain, k)
    rows = fetch(con, _SEEN.format(condition=subject.condition)).to_pylist()
    seen = tuple((row["seen"], row["many"]) for row in rows)
    return Answer(baseline(con, subject), best, reasons[0] if reasons else None, seen)


def baseline(con: duckdb.DuckDBPyConnection, subject: Subject) -> Baseline:
    """The baseline of a subject's runs, and what is missing if it is not native fp32."""
    rows = fetch(
        con,
        f"""
        select distinct
            baseline_is,
            concat_ws(' ', base.dim, base.dim_method, base.precision)
            || case when base.scorer <> runs.scorer then ' by ' || base.scorer else '' end as name
        from int_baselines
        inner join runs using (run_id)
        left join runs as base on base.run_id = baseline
        where runs.run_id in (select run_id from runs where {subject.condition})
        order by all
        """,
    ).to_pylist()
    named = [row["name"] for row in rows if row["baseline_is"] is not None]
    if all(row["baseline_is"] == "native fp32" for row in rows):
        return Baseline(" and ".join(named), None)
    native = fetch(
        con,
        f"""
        select max(dim) as dim
        from embedding_sets
        where
            dataset = {quoted(subject.dataset)}
            and model = {quoted(subject.model)}
            and dim_method = 'native'
            and parent is null
        """,
    ).to_pylist()[0]["dim"]
    dims = "" if native is None else f"--dims {native} "
    return Baseline(" and ".join(named) or None, f"{dims}--precisions fp32")


def not_said(found: Answer) -> str:
    """Why nothing is recommended, in words: the reason, and what would help."""
    assert found.why_not is not None
    if found.why_not["kind"] == NO_BASELINE:
        return f"{found.baseline.lack}; an expanded dimension cannot be the baseline"
    held = f" (baseline: {found.baseline.name})"
    return f"{found.why_not['why']}{held}"
