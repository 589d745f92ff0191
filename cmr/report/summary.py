"""`experiment_summary.json`: what was measured and what came out, for programs.

Keys: `cmr` (version), `datasets` (as ingested), `runs` (settings and environment of each),
`leaderboard`, `tradeoffs` (bytes, quality kept, Pareto) and `metrics`, nested as
dataset > model > direction > "dim method precision" (and quantiser and search, where they are not
the usual ones) > protocol > C > measure, each with value,
ci_low, ci_high, chance and lift. Nothing in it depends on when it is written.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from cmr import __version__
from cmr.views import fetch

if TYPE_CHECKING:
    import duckdb
    import pyarrow as pa

# A semi join does not keep the view's order, so it is said again.
BOARD = """
    from leaderboard semi join asked using (run_id)
    order by dataset, model, direction, list_position(['expected', 'full', 'sampled'], protocol),
        candidates desc, round(recall_10, 10) desc, vector_bytes, run_id
"""
_RUNS = """
    select run_id, dataset, model, direction, dim, dim_method, precision, quantizer,
        query_precision, scorer, scorer_settings, seed, protocols,
        candidates, ks, draws, queries, gallery, vector_bytes, rescore_bytes, index_bytes,
        device, plan, versions, machine,
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
        "leaderboard": _rows(con, BOARD),
        "tradeoffs": _rows(con, "from tradeoffs semi join asked using (run_id) order by run_id"),
        "metrics": _nested(
            _rows(con, "from metrics order by run_id, protocol, candidates, measure, k")
        ),
    }
    for run in found["runs"]:
        for key in ("plan", "versions", "machine"):
            run[key] = json.loads(run[key])
    return json.dumps(found, indent=1, ensure_ascii=False) + "\n"


def rounded(table: pa.Table) -> list[dict[str, Any]]:
    """A table's rows with floats to eight decimals.

    Threads add in whatever order they come, so digits beyond those differ from time to time.
    """
    return [
        {key: round(value, 8) if isinstance(value, float) else value for key, value in row.items()}
        for row in table.to_pylist()
    ]


def _rows(con: duckdb.DuckDBPyConnection, query: str) -> list[dict[str, Any]]:
    return rounded(fetch(con, query))


def _nested(rows: list[dict[str, Any]]) -> dict[str, Any]:
    top: dict[str, Any] = {}
    for row in rows:
        how = [None if row["scorer"] == "torch" else row["scorer"], row["variant"]]
        name = f"{row['dim']} {row['dim_method']} {row['precision']}"
        representation = ", ".join(filter(None, [name, *how]))
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
