"""Which runs the page can pair itself: of each data set and direction, all, or those that fit."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from cmr.answers import fetch, quoted
from cmr.protocols import is_whole
from cmr.report.page.exhibit import as_json
from cmr.report.page.query_values import query_values, size
from cmr.rows import Row

if TYPE_CHECKING:
    import duckdb

# Bytes that the values of single queries may take in the whole page.
LARGEST = 2_500_000
_OF = ("dataset", "qrels", "dataset_fingerprint", "direction")


def pairs(con: duckdb.DuckDBPyConnection, parts: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """`data`: the packed values by name, as JSON; `of`: the name by a run's id."""
    groups: dict[tuple[str, ...], list[Row]] = {}
    for part in parts:
        for run in part["runs"]:
            if any(map(is_whole, run["protocols"])):
                groups.setdefault(tuple(run[name] for name in _OF), []).append(run)
    data: dict[str, Any] = {}
    of: dict[str, str] = {}
    left = LARGEST
    for number, mine in enumerate(groups.values()):
        several = len({run["model"] for run in mine}) > 1
        share = left // (len(groups) - number)
        for runs in (mine, _leading(con, mine)):
            found = query_values(con, runs, several) if len(runs) > 1 else None
            if found is not None and size(found) <= share:
                data[f"q{number}"] = as_json(found)
                of |= {run["run_id"]: f"q{number}" for run in runs}
                left -= size(found)
                break
    return {"data": data, "of": of}


def _leading(con: duckdb.DuckDBPyConnection, runs: Sequence[Row]) -> list[Row]:
    """The baselines and the Pareto fronts of these runs."""
    listed = ", ".join(quoted(run["run_id"]) for run in runs)
    rows = fetch(
        con, f"select run_id, baseline, pareto_bytes from tradeoffs where run_id in ({listed})"
    ).to_pylist()
    kept = {row["run_id"] for row in rows if row["pareto_bytes"]}
    kept |= {row["baseline"] for row in rows}
    return [run for run in runs if run["run_id"] in kept]
