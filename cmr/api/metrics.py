"""Rows of the view `metrics`, at any K and C."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pyarrow as pa

from cmr.answers import fetch
from cmr.api.select import missing
from cmr.errors import CmrError
from cmr.materialised import open_for
from cmr.progressbar import ProgressBar, no_bar
from cmr.protocols import PROTOCOLS, plain
from cmr.rows import Row
from cmr.warehouse.current import current_runs
from cmr.warehouse.store import Store

_SETTINGS = (
    "dataset",
    "model",
    "qrels",
    "direction",
    "dim",
    "dim_method",
    "precision",
    "quantizer",
    "scorer",
)


def measured(
    warehouse: Store,
    runs: Sequence[str] | None,
    settings: dict[str, Any],
    protocol: str | None,
    candidates: int | None,
    measure: str | None,
    k: int | None,
    bar: ProgressBar = no_bar,
) -> pa.Table:
    """The rows that match the given values; None matches any.

    A K that was not requested when the runs were evaluated, and any C of the protocol `expected`,
    is computed from the counts. Raises CmrError if no run matches, or nothing was measured so.
    """
    unknown = set(settings) - set(_SETTINGS)
    if unknown:
        raise CmrError(
            f"{min(unknown)!r} is not a setting of a run; these are: {', '.join(_SETTINGS)}"
        )
    mine = _runs(warehouse, runs, settings)
    source = _source(mine, protocol, candidates, k)
    ids = [row["run_id"] for row in mine]
    con = open_for(warehouse, source, ids, bar)
    con.register("asked", pa.table({"run_id": ids}))
    tests, values = ["true"], list[Any]()
    for name, value in (("protocol", protocol), ("candidates", candidates), ("measure", measure)):
        if value is not None:
            tests.append(f"{name} = ?")
            values.append(value)
    if k is not None:
        tests.append("(k is null or k = ?)")
        values.append(k)
    found = fetch(
        con,
        f"select * {source} semi join asked using (run_id) where {' and '.join(tests)} "
        "order by dataset, model, direction, dim, dim_method, precision, protocol, candidates, "
        "measure, k",
        values,
    )
    if not found.num_rows:
        raise CmrError(_nothing(protocol, candidates, measure, k))
    return found


def _runs(warehouse: Store, runs: Sequence[str] | None, settings: dict[str, Any]) -> list[Row]:
    given = {name: value for name, value in settings.items() if value is not None}
    found = [
        row
        for row in current_runs(warehouse)
        if all(row[name] == value for name, value in given.items())
        and (runs is None or any(row["run_id"].startswith(one) for one in runs))
    ]
    if not found:
        what = ", ".join(f"{name}={value}" for name, value in given.items())
        every = current_runs(warehouse)
        miss = missing(every, {name: str(value) for name, value in given.items()})
        with_what = f" with {what}" if what else ""
        raise CmrError(f"there are no runs{with_what}{miss or '; evaluate makes them'}")
    return found


def _source(runs: list[Row], protocol: str | None, candidates: int | None, k: int | None) -> str:
    """The view that has the rows, or the macro that computes them where it has not."""
    new_k = k is not None and any(k not in row["ks"] for row in runs)
    if protocol is not None and plain(protocol) == "expected" and candidates is not None:
        new_c = any(candidates not in row["candidates"] for row in runs)
        if new_c or new_k:
            return f"from metrics_for({int(candidates)}, {10 if k is None else int(k)})"
    return f"from metrics_at({int(k)})" if new_k and k is not None else "from metrics"


def _nothing(
    protocol: str | None, candidates: int | None, measure: str | None, k: int | None
) -> str:
    given = {"protocol": protocol, "candidates": candidates, "measure": measure, "k": k}
    what = ", ".join(f"{name}={value}" for name, value in given.items() if value is not None)
    return (
        f"nothing was measured with {what or 'these settings'}; protocols are "
        f"{', '.join(PROTOCOLS)}, and any C is there for protocol='expected'"
    )
