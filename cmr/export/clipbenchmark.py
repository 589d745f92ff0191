"""CLIP_benchmark's results: a JSON file, or the CSV that its `build` makes from many of them."""

from __future__ import annotations

import csv
import io
import json
from typing import Any

from cmr.errors import CmrError
from cmr.export.fit_told import fits
from cmr.export.format import Asked, Format, Stream
from cmr.export.tool_names import Figures, figures
from cmr.rows import Row
from cmr.sources.source import Parameter

# Their R@K is our hit_rate; image retrieval has text queries.
_TASKS = {"t2v": "image_retrieval_recall", "v2t": "text_retrieval_recall"}
_NOT_THEIRS = ("dim", "dim_method", "precision", "seed", "qrels")


def write(asked: Asked, out: Stream) -> None:
    """Write one result, or with `--table` one row per selected representation."""
    learnt = fits(asked)
    results = [_result(asked, rows, learnt) for rows in _by_representation(asked.runs)]
    if asked.options["table"]:
        out.write(_table(results).encode())
        return
    if len(results) > 1:
        raise CmrError(
            f"{len(results)} representations match and a JSON file holds one; name it with "
            "--dim, --precision and the like, or write a CSV of all with --table"
        )
    out.write(json.dumps(results[0], ensure_ascii=False, indent=1).encode() + b"\n")


def _by_representation(runs: tuple[Row, ...]) -> list[list[Row]]:
    found: dict[tuple[Any, ...], list[Row]] = {}
    for row in runs:
        key = (row["dataset"], row["model"], *(row[name] for name in _NOT_THEIRS))
        found.setdefault(key, []).append(row)
    return list(found.values())


def _result(asked: Asked, runs: list[Row], learnt: dict[str, str]) -> dict[str, Any]:
    run = runs[0]
    model, _, pretrained = str(run["model"]).partition("/")
    measured = figures(asked, [row["run_id"] for row in runs])
    metrics: dict[str, float] = {}
    for row in runs:
        metrics |= _named(_TASKS[row["direction"]], measured[row["run_id"]])
    return {
        "dataset": run["dataset"],
        "model": model,
        "pretrained": pretrained,
        "task": "zeroshot_retrieval",
        "metrics": metrics,
        "language": asked.options["language"],
        **{name: run[name] for name in _NOT_THEIRS},
        "fit": learnt[run["run_id"]],
    }


def _named(name: str, values: Figures) -> dict[str, float]:
    return {f"{name}@{k}": value for (kind, k), value in values.items() if kind == "hit_rate"}


def _table(results: list[dict[str, Any]]) -> str:
    rows = []
    for result in results:
        row = {**result["metrics"], **result}
        del row["metrics"]
        row["model_fullname"] = f"{row['model']} {row['pretrained']}"
        rows.append(row)
    names = list(dict.fromkeys(name for row in rows for name in row))
    text = io.StringIO()
    writer = csv.DictWriter(text, names, lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue()


FORMAT = Format(
    name="clip-benchmark",
    summary="CLIP_benchmark's result: JSON, or with --table CSV of many.",
    about="image_retrieval_recall@K (text queries) and text_retrieval_recall@K (visual queries), "
    "over the whole gallery, at every K of the runs. Their recall is what cmr calls hit_rate. The "
    "CSV has one row per representation, as `clip_benchmark build` writes them. Dimension, "
    "precision and other settings are added beside CLIP_benchmark's own keys.",
    examples=(
        "cmr export clip-benchmark --dim 512 --precision int8 --out result.json",
        "cmr export clip-benchmark --table --out benchmark.csv",
    ),
    needs="runs",
    into="stream",
    write=write,
    parameters=(
        Parameter("table", "CSV of every selected representation.", kind=bool),
        Parameter("language", "Language of the captions, as the result states it.", default="en"),
    ),
    text=True,
)
