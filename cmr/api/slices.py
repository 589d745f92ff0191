"""Slices by an attribute: two runs in each, and the smallest representation that is sure in all."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import pyarrow as pa

from cmr.answers import fetch, quoted
from cmr.api.comparison import ComparedBy, ComparedPair, correct, of_protocol, representation
from cmr.api.select import pairs
from cmr.errors import CmrError
from cmr.protocols import is_whole
from cmr.report.answer import MEASURES
from cmr.rows import Row
from cmr.views import connect
from cmr.warehouse.current import current_runs
from cmr.warehouse.store import Store

# The smallest representation that is sure in every slice that can be decided upon, of every measure
# in every direction, by subject.
_SMALLEST = """
    select
        dataset, qrels, model, scorer, dim, dim_method, precision, variant, vector_bytes,
        min(sure_low) as low, arg_min(slice, sure_low) as worst_slice,
        bool_or(run_id = baseline) as is_baseline
    from kept
    where unearned is null and alike_low >= {retain}
    group by dataset, qrels, model, scorer, dim, dim_method, precision, variant, vector_bytes
    qualify
        bool_and(seen is null and sure_low >= {retain})
        and count(*) = max(count(*)) over (partition by dataset, qrels, model, scorer)
    order by vector_bytes, round(avg(retention), 10) desc, any_value(run_id)
"""


_BY_DEFAULT = ComparedBy()


@dataclass(frozen=True)
class EverySlice:
    """One model on one data set: its rows of the macro `recommend_by`.

    `smallest`: the smallest representation that is sure to keep the share of every measure in
    every direction and slice, or None. `low`: the least that it keeps, in the slice `worst_slice`.
    """

    dataset: str
    qrels: str
    model: str
    scorer: str
    rows: list[Row]
    smallest: Row | None


def compare_slices(
    warehouse: Store,
    a: str,
    others: Sequence[str],
    attribute: str,
    measure: str = "recall",
    by: ComparedBy = _BY_DEFAULT,
) -> list[ComparedPair]:
    """Compare runs `others` with runs `a` in every slice, with Holm's correction over all rows.

    Raises CmrError as `compare_runs` does, for an attribute or a measure that there is not, and for
    what has no meaning by slice.
    """
    if not is_whole(by.pools):
        raise CmrError("slices are compared over the whole gallery: leave --pools out")
    if by.everything:
        raise CmrError("slices are compared by one measure, which --measure names: leave --all out")
    con = connect(warehouse.root, "from compare_by")
    found = []
    runs = of_protocol(current_runs(warehouse), by.pools, [a, *others])
    for x, y in [pair for one in others for pair in pairs(runs, a, one)]:
        named = f"{quoted(x['run_id'])}, {quoted(y['run_id'])}, {quoted(attribute)}"
        how = (
            f"measure_name := {quoted(measure)}, cut := {by.k}, "
            f"in_sample := {str(by.in_sample).lower()}"
        )
        rows = fetch(con, f"from compare_by({named}, {how})").to_pylist()
        if not rows:
            raise CmrError(
                f"{representation(x, y)} and {representation(y, x)} have no query with the "
                f"attribute {attribute!r}, or no {measure} at K = {by.k}; `cmr evaluate --k "
                f"{by.k}` adds a K without scoring again"
            )
        found.append(ComparedPair(x, y, rows))
    correct(con, [row for one in found for row in one.rows])
    return found


def sure_in_every_slice(
    warehouse: Store,
    attribute: str,
    retain: float = 0.99,
    dataset: Sequence[str] = (),
    model: Sequence[str] = (),
    qrels: str | None = None,
    k: int = 10,
) -> list[EverySlice]:
    """What to choose for every model to keep `retain`, in (0, 1], in every slice of an attribute.

    `dataset`, `model`: empty for all. Raises CmrError if there are no such runs, for an attribute
    that there is not, or if K was not evaluated.
    """
    if not 0 < retain <= 1:
        raise CmrError(f"retain must be a share above 0 and up to 1, not {retain}")
    con = connect(warehouse.root, "from recommend_by")
    measures = ", ".join(map(quoted, MEASURES))
    fetch(con, f"create temp table kept as from retention_by({quoted(attribute)}) "
          f"where measure in ({measures}) and (k is null or k = {k})")  # fmt: skip
    rows = [
        row
        for row in fetch(
            con, f"from recommend_by({quoted(attribute)}, retain := {retain!r})"
        ).to_pylist()
        if row["measure"] in MEASURES
        and (not dataset or row["dataset"] in dataset)
        and (not model or row["model"] in model)
        and qrels in (None, row["qrels"])
    ]
    if not rows:
        raise CmrError("there are no such runs to choose from; `cmr evaluate` makes them")
    shown = [row for row in rows if row["k"] in (None, k)]
    if not any(row["k"] for row in shown):
        there = ", ".join(map(str, sorted({row["k"] for row in rows if row["k"]})))
        raise CmrError(
            f"K = {k} was not evaluated, only {there}; `cmr evaluate --k {k}` adds it without "
            "scoring again"
        )
    smallest: dict[tuple[str, ...], Row] = {}
    for row in fetch(con, _SMALLEST.format(retain=repr(retain))).to_pylist():
        smallest.setdefault(_of(row), row)
    return [
        EverySlice(*of, [row for row in shown if _of(row) == of], smallest.get(of))
        for of in dict.fromkeys(map(_of, shown))
    ]


def chosen_table(found: Sequence[EverySlice]) -> pa.Table:
    """All rows as one table, each with the model's `smallest` representation."""
    return pa.Table.from_pylist(
        [{**row, "smallest": _named(one.smallest)} for one in found for row in one.rows]
    )


def _named(row: Row | None) -> str | None:
    if row is None:
        return None
    name = f"{row['dim']} {row['dim_method']} {row['precision']}"
    return ", ".join(filter(None, [name, row["variant"]]))


def _of(row: Row) -> tuple[str, str, str, str]:
    return row["dataset"], row["qrels"], row["model"], row["scorer"]
