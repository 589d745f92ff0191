"""A gate: whether a run is at most a margin worse than a baseline, with an interval.

It is a test of non-inferiority by the paired 95% interval of the difference (Piaggio and others,
Reporting of noninferiority and equivalence randomized trials, JAMA 2012): sure to pass, sure to
fail, or undecided, with the number of queries that would decide it.
"""

from __future__ import annotations

import math
import os
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

import duckdb

from cmr.answers import fetch, quoted
from cmr.api import baseline_file
from cmr.api.comparison import ComparedBy
from cmr.api.select import SETTINGS, paired, select
from cmr.errors import CmrError
from cmr.protocols import GROUPED_QRELS, way
from cmr.report import named
from cmr.rows import Row
from cmr.views import connect, lend, only
from cmr.warehouse.current import current_runs
from cmr.warehouse.store import Store

# Why measures of a baseline decide nothing, in words: too few items, or chance. By name and K.
Reasons = dict[tuple[str, int | None], str]


class Outcome(StrEnum):
    """What the interval says."""

    PASS = "pass"
    FAIL = "fail"
    UNDECIDED = "undecided"
    # A slice with too few visual items, which is named and decides nothing.
    SKIPPED = "skipped"


@dataclass(frozen=True)
class Gated:
    """One run against its baseline by one measure, over all queries or in one slice.

    `row`: of the macro `compare`, or `compare_by`. `why`: why nothing can be decided, whatever the
    interval, or None. `queries`: about how many queries would decide it, or None: it is decided, or
    no number would, because the difference is about the margin. `slice`: its name, or None.
    """

    baseline: Row
    candidate: Row
    row: Row
    margin: float
    outcome: Outcome
    why: str | None
    queries: int | None
    slice: str | None = None


@dataclass(frozen=True)
class GatedBy:
    """What decides. `margin`: the loss that is accepted, in the measure's own units.

    `measures`: names, each at cut-off `k` if it has one. `in_sample`: use ranks as they are.
    `attribute`: also in every slice by this attribute, of those with enough visual items.
    Raises CmrError for a margin that is none.
    """

    margin: float = 0.005
    measures: tuple[str, ...] = ("recall",)
    k: int = 10
    in_sample: bool = False
    attribute: str | None = None

    def __post_init__(self) -> None:
        """Check the margin."""
        if not 0 <= self.margin < 1:
            raise CmrError(f"the margin is a loss from 0 to less than 1, not {self.margin}")


def gate(
    warehouse: Store, baseline: str, candidate: str | None = None, by: GatedBy = GatedBy()
) -> list[Gated]:
    """Judge runs against a baseline, by direction and measure.

    `baseline`: a file that `as_baseline` made, or a run, named as for `cmr compare`.
    `candidate`: runs, named likewise; None for those with the baseline's settings. Raises CmrError
    if there are no such runs, or they do not answer the same queries on the same data.
    """
    runs = current_runs(warehouse)
    lent = baseline_file.load(baseline) if _is_file(baseline) else None
    if not (lent and any(row.get("grouped") for row in lent.rows)):
        runs = _gated(runs, baseline, candidate)
    bases = lent.rows if lent else select(runs, baseline)
    if lent and by.in_sample:
        raise CmrError(
            f"{baseline} holds the ranks on which claims are based, not in-sample ones; name a run "
            "of the warehouse, or leave --in-sample out"
        )
    matched = _matched(bases, runs, baseline, candidate)
    for base, row in matched:
        if base["qrels_fingerprint"] != row["qrels_fingerprint"]:
            raise CmrError(
                f"the judgments {row['qrels']!r} of {row['dataset']} are not those of {baseline}; "
                "make it anew with `cmr gate --save`"
            )
    con = connect(warehouse.root, "from compare, compare_by, retention, measures")
    _check_measures(con, by.measures)
    if lent:
        lend(con, lent.rows, lent.counts)
    reasons = _reasons(con, [base["run_id"] for base, _ in matched])
    return [one for x, y in matched for one in _judged(con, x, y, by, reasons[x["run_id"]])]


def as_baseline(warehouse: Store, given: str) -> tuple[list[Row], bytes]:
    """Runs, named as for `cmr compare`, and the baseline file that they make.

    Raises CmrError if there are several of one data set and direction.
    """
    rows = select(_gated(current_runs(warehouse), given), given)
    of: dict[tuple[str, ...], Row] = {}
    for row in rows:
        key = (row["dataset"], row["qrels"], row["direction"])
        if key in of:
            differ = [name for name in SETTINGS if str(of[key][name]) != str(row[name])]
            raise CmrError(
                f"{given!r} means several runs of {row['dataset']} {row['direction']}; name also "
                f"{', '.join(differ)}"
            )
        of[key] = row
    return rows, baseline_file.packed(warehouse, rows)


def _gated(runs: Sequence[Row], *given: str | None) -> list[Row]:
    """The runs that are meant: those of grouped captions only where the judgments name them."""
    named = any(one and f"qrels={GROUPED_QRELS}" in one.replace(" ", "") for one in given)
    ids = tuple(one for one in given if one and "=" not in one)
    return [
        row
        for row in runs
        if named or not row.get("grouped") or (ids and row["run_id"].startswith(ids))
    ]


def overall(found: Sequence[Gated]) -> Outcome:
    """The outcome of all together: a failure fails, and what is undecided decides nothing."""
    every = {one.outcome for one in found}
    for one in (Outcome.FAIL, Outcome.UNDECIDED):
        if one in every:
            return one
    return Outcome.PASS


def _is_file(given: str) -> bool:
    if os.path.exists(given):
        return True
    if given.endswith(".parquet"):
        raise CmrError(f"there is no file {given}; `cmr gate RUN --save {given}` makes it")
    return False


def _matched(
    bases: Sequence[Row], runs: Sequence[Row], baseline: str, candidate: str | None
) -> list[tuple[Row, Row]]:
    """Each baseline with its candidate."""
    if candidate is not None:
        return paired(bases, select(runs, candidate), baseline, candidate)
    alike = [name for name in SETTINGS if name not in ("fit_on", "direction", "dataset", "qrels")]
    found = []
    for base in bases:
        mine = [
            row
            for row in runs
            if row["run_id"] != base["run_id"]
            and all(row[name] == base[name] for name in ("dataset", "qrels", "direction"))
        ]
        same = [row for row in mine if all(str(row[one]) == str(base[one]) for one in alike)]
        chosen = same or mine
        if len(chosen) != 1:
            who = f"{base['dataset']} {way(base['direction'], base['qrels'])}"
            raise CmrError(
                f"it is not clear which of {len(chosen)} runs of {who} is to be judged; name it: "
                "`cmr gate dim=512,precision=int8 --baseline …`"
                if chosen
                else f"there is no run of {who} to be judged; `cmr evaluate` makes it"
            )
        found += [(base, chosen[0])]
    return paired([x for x, _ in found], [y for _, y in found], baseline, "the runs like it")


def _check_measures(con: duckdb.DuckDBPyConnection, measures: Sequence[str]) -> None:
    rows = fetch(con, "select measure from measures where better = 'higher'")
    known = rows["measure"].to_pylist()
    for one in measures:
        if one not in known:
            raise CmrError(f"{one!r} is no measure of a gate; there are {', '.join(known)}")


def _judged(
    con: duckdb.DuckDBPyConnection, base: Row, candidate: Row, by: GatedBy, reasons: Reasons
) -> list[Gated]:
    with only(con, [base["run_id"], candidate["run_id"]]):
        how = ComparedBy(in_sample=by.in_sample)
        rows = fetch(con, how.query(base, candidate)).to_pylist()
        slices = {one: _slices(con, base, candidate, one, by) for one in by.measures}
    found = []
    for measure in by.measures:
        mine = [row for row in rows if row["measure"] == measure and row["k"] in (None, by.k)]
        if not mine:
            there = sorted({row["k"] for row in rows if row["k"]})
            raise CmrError(
                f"{measure} at K = {by.k} is not known of both runs; there is K = "
                f"{', '.join(map(str, there))}, and `cmr evaluate --k {by.k}` adds it"
            )
        found += [_decided(base, candidate, row, by.margin, reasons) for row in mine]
        found += [_decided(base, candidate, row, by.margin, reasons) for row in slices[measure]]
    return found


def _slices(
    con: duckdb.DuckDBPyConnection, base: Row, candidate: Row, measure: str, by: GatedBy
) -> list[Row]:
    """The rows of every slice; `few` says that it has too few visual items to decide anything."""
    if by.attribute is None:
        return []
    ids = ", ".join(quoted(row["run_id"]) for row in (base, candidate))
    found: list[Row] = fetch(
        con,
        f"""
        select *, clusters < fewest_clusters() as few
        from compare_by(
            {ids}, {quoted(by.attribute)}, measure_name := {quoted(measure)}, cut := {by.k},
            in_sample := {str(by.in_sample).lower()}
        )
        """,
    ).to_pylist()
    return found


def _reasons(con: duckdb.DuckDBPyConnection, bases: Sequence[str]) -> dict[str, Reasons]:
    """Of each baseline, by its id. One query for all: most of its time is its planning."""
    with only(con, bases):
        rows = fetch(
            con,
            """
            select
                run_id, measure, k,
                unearned(null, run_id, clusters, value_low, value, chance, measure) as why
            from retention
            where value is not null
            """,
        ).to_pylist()
    found: dict[str, Reasons] = {one: {} for one in bases}
    for row in rows:
        if row["why"] is not None:
            found[row["run_id"]][row["measure"], row["k"]] = row["why"]
    return found


def _decided(
    base: Row,
    candidate: Row,
    row: Row,
    margin: float,
    reasons: Reasons,
) -> Gated:
    # Measures that exist only over the whole gallery have no chance in `retention`.
    why = reasons.get((row["measure"], row["k"])) or reasons.get(("recall", 10))
    low, high = row["ci_low"], row["ci_high"]
    if row["difference"] is None or low is None:
        why = f"{named.measure(row)} is not known of both runs, or has no interval"
    outcome, queries, part = Outcome.UNDECIDED, None, row.get("slice")
    if row.get("few"):
        outcome, why = Outcome.SKIPPED, f"{row['clusters']} visual items are too few to decide"
    elif why is None:
        if low >= -margin:
            outcome = Outcome.PASS
        elif high < -margin:
            outcome = Outcome.FAIL
        else:
            queries = _needed(row, margin)
    return Gated(base, candidate, row, margin, outcome, why, queries, part)


def _needed(row: Row, margin: float) -> int | None:
    """About how many queries decide it, if the difference stays: the reach of an interval falls
    with the root of their number, and with the number itself where none differs (`reach_at`: only
    what was not seen moves it then). None where the difference is about the margin.
    """
    room = row["difference"] + margin
    reach = row["difference"] - row["ci_low"] if room > 0 else row["ci_high"] - row["difference"]
    if abs(room) <= 1e-3 * reach:
        return None
    power = 1 if row["ties"] == row["queries"] else 2
    needed: float = row["queries"] * (reach / abs(room)) ** power
    return math.ceil(needed)
