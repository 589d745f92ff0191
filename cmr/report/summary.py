"""`experiment_summary.json`: what was measured and what came out, for programs.

Keys: `cmr` (version), `datasets` (as ingested), `runs` (settings and environment of each),
`leaderboard`, `tradeoffs` (bytes, quality kept, Pareto) and `metrics`, nested as
dataset > model > direction > "dim method precision" > protocol > C > measure, each with value,
ci_low, ci_high, chance and lift. Nothing in it depends on when it is written.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from cmr import __version__
from cmr.views import fetch

if TYPE_CHECKING:
    import duckdb

_RUNS = """
    select run_id, dataset, model, direction, dim, dim_method, precision, scorer, seed, protocols,
        candidates, ks, draws, queries, gallery, vector_bytes, device, plan, versions, machine,
        round(seconds, 3) as seconds
    from runs semi join asked using (run_id) order by all
"""


def summarise(con: duckdb.DuckDBPyConnection) -> str:
    """The summary of the runs in the relation `asked`, as JSON."""
    found: dict[str, Any] = {
        "cmr": __version__,
        "datasets": _rows(
            con,
            "select dataset, source, settings, texts, visuals, judgments, rejects, fingerprint "
            "from datasets where dataset in (select dataset from runs semi join asked "
            "using (run_id)) order by dataset",
        ),
        "runs": _rows(con, _RUNS),
        "leaderboard": _rows(con, "from leaderboard semi join asked using (run_id)"),
        "tradeoffs": _rows(con, "from tradeoffs semi join asked using (run_id) order by run_id"),
        "metrics": _nested(_rows(con, "from metrics order by all")),
    }
    for run in found["runs"]:
        for key in ("plan", "versions", "machine"):
            run[key] = json.loads(run[key])
    return json.dumps(found, indent=1, ensure_ascii=False) + "\n"


def _rows(con: duckdb.DuckDBPyConnection, query: str) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = fetch(con, query).to_pylist()
    return rows


def _nested(rows: list[dict[str, Any]]) -> dict[str, Any]:
    top: dict[str, Any] = {}
    for row in rows:
        representation = f"{row['dim']} {row['dim_method']} {row['precision']}"
        measure = row["measure"] if row["k"] is None else f"{row['measure']}@{row['k']}"
        at = top
        for key in (
            row["dataset"],
            row["model"],
            row["direction"],
            representation,
            row["protocol"],
            str(row["candidates"]),
        ):
            at = at.setdefault(key, {})
        at[measure] = {name: row[name] for name in ("value", "ci_low", "ci_high", "chance", "lift")}
    return top
