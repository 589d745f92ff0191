"""Write the report's files: summary, tables, plots."""

from __future__ import annotations

import csv
import io
import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pyarrow as pa

from cmr.errors import CmrError
from cmr.materialised import prepare
from cmr.report.plots import line_plot
from cmr.report.summary import BOARD, rounded, summarise
from cmr.report.words import font_for, words
from cmr.views import connect, fetch
from cmr.warehouse.store import Warehouse

PLOTS = (
    ("recall", 10, "value"),
    ("mrr", None, "value"),
    ("ndcg", 10, "value"),
    ("recall", 10, "lift"),
)
_VIEWS = "from metrics, leaderboard, tradeoffs, datasets, runs"
Row = dict[str, Any]


def write_report(
    root: str,
    out: str,
    *,
    dataset: str | None = None,
    run_ids: Sequence[str] | None = None,
    lang: str = "en",
) -> list[str]:
    """Write summary JSON, CSVs and plots of a warehouse's runs; returns the paths.

    `dataset` or `run_ids` keep only some runs. Raises CmrError if there are none, for an unknown
    language, and if `out` cannot be written.
    """
    label = words(lang)
    font_for(lang)
    warehouse = Warehouse.open(root)
    con = connect(warehouse.root)
    runs = fetch(con, "select run_id, dataset from runs").to_pylist()
    chosen = [
        row["run_id"]
        for row in runs
        if (dataset is None or row["dataset"] == dataset)
        and (run_ids is None or row["run_id"] in set(run_ids))
    ]
    if not chosen:
        what = f" of {dataset!r}" if dataset else ""
        raise CmrError(f"there are no runs{what} to report; `cmr evaluate` makes them")
    con.register("asked", pa.table({"run_id": pa.array(chosen)}))
    prepare(con, warehouse, _VIEWS, chosen)
    metrics = rounded(fetch(con, "from metrics order by run_id, protocol, candidates, measure, k"))
    board = rounded(fetch(con, BOARD))
    files = {
        "experiment_summary.json": summarise(con).encode(),
        "metrics.csv": _csv(metrics),
        "leaderboard.csv": _csv(board),
        **dict(_plots(metrics, lang, label)),
    }
    return [_write(Path(out), name, data) for name, data in files.items()]


def _plots(metrics: list[Row], lang: str, label: dict[str, str]) -> Iterator[tuple[str, bytes]]:
    """A PNG a data set, model, direction and quantity; expected pools where they are known."""
    groups: dict[tuple[str, str, str], list[Row]] = {}
    for row in metrics:
        groups.setdefault((row["dataset"], row["model"], row["direction"]), []).append(row)
    for (dataset, model, direction), rows in sorted(groups.items()):
        protocols = {row["protocol"] for row in rows if row["value"] is not None}
        protocol = next(name for name in ("expected", "sampled", "full") if name in protocols)
        folder = quote(f"{dataset} {model}", safe=" ").replace(" ", "_")
        for measure, k, quantity in PLOTS:
            points = [
                row
                for row in rows
                if (row["protocol"], row["measure"], row["k"]) == (protocol, measure, k)
            ]
            name = "lift" if quantity == "lift" else measure
            title = f"{label[name]}, {label[direction]} ({label[protocol]})\n{dataset}, {model}"
            yield f"{folder}_{direction}_{name}.png", line_plot(points, quantity, title, lang)


def _csv(rows: list[Row]) -> bytes:
    text = io.StringIO()
    writer = csv.DictWriter(text, list(rows[0]), lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue().encode()


def _write(folder: Path, name: str, data: bytes) -> str:
    """Write under another name first, so that a file appears whole."""
    path, part = folder / name, folder / f"{name}.part"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        part.write_bytes(data)
        os.replace(part, path)
    except OSError as error:
        raise CmrError(f"cannot write {path}: {error.strerror or error}") from None
    return str(path)
