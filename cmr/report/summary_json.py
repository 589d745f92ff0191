"""`experiment_summary.json`: what was measured and what was found, for programs.

`experiment_summary.schema.json` beside this module documents every key; a copy is written beside
the summary. The summary does not depend on when it is written.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence
from importlib.resources import files as inside
from typing import TYPE_CHECKING, Any

from cmr.answers import fetch
from cmr.protocols import judged_words
from cmr.report import named
from cmr.report.answer import MEASURES, answer, not_said
from cmr.report.findings import Findings, rounded
from cmr.rows import Row
from cmr.version import __version__

if TYPE_CHECKING:
    import duckdb

SCHEMA = "experiment_summary.schema.json"
# A semi join does not preserve the view's order, so the order is repeated.
BOARD = """
    from leaderboard semi join asked using (run_id)
    order by dataset, qrels, model, direction,
        list_position(['expected', 'full', 'sampled'], plain_protocol(protocol)), candidates desc,
        round(recall_10, 10) desc, vector_bytes, run_id
"""
_RUNS = """
    select run_id, dataset, qrels, model, direction, dim, dim_method, precision, quantizer,
        query_precision, scorer, scorer_settings, seed, protocols, candidates,
        sampled_candidates, ks, draws, queries, gallery, vector_bytes, rescore_bytes,
        index_bytes, device, plan, versions, machine, round(seconds, 3) as seconds
    from runs semi join asked using (run_id) order by all
"""
_DATASETS = """
    select dataset, source, settings, texts, visuals, judgments, rejects, fingerprint
    from datasets
    where dataset in (select dataset from runs semi join asked using (run_id)) order by dataset
"""
_FIGURES = ("value", "ci_low", "ci_high", "chance", "lift")
_TESTED = (
    "run_id", "baseline", "baseline_is", "dataset", "qrels", "model", "direction", "dim",
    "dim_method", "precision", "quantizer", "scorer", "variant", "measure", "k", "value",
    "value_low", "value_high",
    "baseline_value", "difference", "p", "p_holm", "retention", "ci_low", "ci_high",
    "fit", "looks", "sure_low", "unseen",
)  # fmt: skip


def schema() -> bytes:
    """The JSON schema of the summary."""
    return inside("cmr.report").joinpath(SCHEMA).read_bytes()


def summarise(
    con: duckdb.DuckDBPyConnection, found: Sequence[Findings], retain: float, files: Sequence[str]
) -> str:
    """The summary of the runs in the relation `asked`, as JSON; `files` are beside it."""
    runs = _rows(con, _RUNS)
    for run in runs:
        for key in ("plan", "versions", "machine"):
            # Nothing was planned for lists that were imported.
            run[key] = None if run[key] is None else json.loads(run[key])
    whole: dict[str, Any] = {
        "$schema": SCHEMA,
        "cmr": __version__,
        "datasets": _rows(con, _DATASETS),
        "runs": runs,
        "answers": [_answer(con, one, retain) for one in found],
        "leaderboard": _rows(con, BOARD),
        "tradeoffs": _rows(con, "from tradeoffs semi join asked using (run_id) order by run_id"),
        "tests": [{name: row[name] for name in _TESTED} for one in found for row in one.kept],
        "speed": [row for one in found for row in one.speeds],
        "metrics": _nested([row for one in found for row in one.metrics], runs),
        "files": sorted(files),
    }
    for row in whole["speed"]:
        row["machine"] = json.loads(row["machine"])
    return json.dumps(whole, indent=1, ensure_ascii=False) + "\n"


def _answer(con: duckdb.DuckDBPyConnection, found: Findings, retain: float) -> Row:
    """The smallest representation that is sure to keep enough of every measure and direction."""
    of = found.subject
    answered = answer(con, of, retain)
    best, kept = answered.smallest, None
    if best is not None:
        kept = {name: best[name] for name in ("dim", "dim_method", "precision", "vector_bytes")}
        kept |= {"bytes_share": round(best["share"], 8), "kept_low": round(best["low"], 8)}
    return {
        "dataset": of.dataset, "qrels": of.qrels, "model": of.model, "scorer": of.scorer,
        "directions": found.directions, "measures": list(MEASURES), "k": 10, "retain": retain,
        "baseline_is": found.kept[0]["baseline_is"], "baseline": answered.baseline.name,
        "missing": answered.baseline.missing, "smallest_sure": kept,
        "why_not": None if answered.why_not is None else not_said(answered),
    }  # fmt: skip


def _rows(con: duckdb.DuckDBPyConnection, query: str) -> list[dict[str, Any]]:
    return rounded(fetch(con, query))


def _nested(rows: Sequence[Row], runs: Sequence[Row]) -> dict[str, Any]:
    """dataset > model > direction > representation > protocol > C > measure > figures."""
    names = _run_names(runs)
    top: dict[str, Any] = {}
    for row in rows:
        dataset, representation = names[row["run_id"]]
        measure = named.measure(row)
        at = top
        for key in (
            dataset,
            row["model"],
            row["direction"],
            representation,
            row["protocol"],
            str(row["candidates"]),
        ):
            at = at.setdefault(key, {})
        at[measure] = {name: row[name] for name in _FIGURES}
    return top


def _run_names(runs: Sequence[Row]) -> dict[str, tuple[str, str]]:
    """A run's keys: data set and representation, with the run's id where two would collide."""
    plain = {
        run["run_id"]: (
            run["dataset"] + judged_words(run["qrels"]),
            named.representation(run),
        )
        for run in runs
    }
    places = {
        run["run_id"]: (run["model"], run["direction"], *plain[run["run_id"]]) for run in runs
    }
    alike = Counter(places.values())
    return {
        run_id: (dataset, name if alike[places[run_id]] == 1 else f"{name} {run_id}")
        for run_id, (dataset, name) in plain.items()
    }
