"""MTEB's result and prediction files."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

from cmr.export.format import Asked, Format
from cmr.export.lists import top_lists
from cmr.export.mark import write_mark
from cmr.export.tool_names import figures
from cmr.pipeline.judged_data import find_dataset
from cmr.rows import Row
from cmr.sources.source import Parameter
from cmr.warehouse.schemas import ITEMS

# MTEB's names for our measures, without K; mrr and map of the whole list have no cut-off.
_NAMES = {
    "ndcg": "ndcg", "recall": "recall", "precision": "precision", "hit_rate": "hit_rate",
    "mrr": "mrr", "mrr@k": "mrr", "map": "map",
}  # fmt: skip
MAIN = "ndcg_at_10"


def write(asked: Asked, out: Path) -> None:
    """Write MODEL/REVISION/TASK.json, as MTEB stores results, and predictions/."""
    run = asked.run
    task, split = _task(asked), _split(asked)
    folder = out / _file(run["model"].replace("/", "__")) / _file(_revision(run))
    folder.mkdir(parents=True)
    meta = {"name": run["model"], "revision": _revision(run), "embed_dim": run["dim"]}
    _dump(folder / "model_meta.json", meta)
    _dump(folder / f"{task}.json", _result(asked, task, split))
    if asked.options["top"]:
        (out / "predictions").mkdir()
        _predictions(asked, split, out / "predictions" / f"{task}_predictions.json")
    write_mark(asked, "mteb", out, task=task)


def _result(asked: Asked, task: str, split: str) -> dict[str, Any]:
    run = asked.run
    measured = figures(asked, [run["run_id"]])[run["run_id"]]
    scores: dict[str, Any] = {
        _NAMES[kind] if k is None else f"{_NAMES[kind]}_at_{k}": value
        for (kind, k), value in measured.items()
        if kind in _NAMES
    }
    scores |= {
        "main_score": scores[MAIN],
        "hf_subset": "default",
        "languages": [asked.options["language"]],
    }
    return {
        "dataset_revision": run["dataset_fingerprint"],
        "task_name": task,
        # A version would claim that MTEB's own code measured this.
        "mteb_version": None,
        "evaluation_time": run["seconds"],
        "kg_co2_emissions": None,
        "scores": {split: [scores]},
    }


def _predictions(asked: Asked, split: str, path: Path) -> None:
    """`{mteb_model_meta, subset: {split: {query: {document: score}}}}`, one query per line."""
    run = asked.run
    meta = {"model_name": run["model"], "revision": _revision(run)}
    with path.open("w", encoding="utf-8") as out:
        out.write(f'{{"mteb_model_meta": {json.dumps(meta)}, "default": {{{json.dumps(split)}: {{')
        between = "\n"
        for part in top_lists(asked):
            for query, items, scores in zip(
                part.queries.to_pylist(), part.items, part.scores, strict=True
            ):
                # Through text: the shortest decimal that gives this float32 back.
                values = dict(zip(items.to_pylist(), map(float, map(str, scores)), strict=True))
                out.write(f"{between}{json.dumps(query)}: {json.dumps(values)}")
                between = ",\n"
        out.write("\n}}}\n")


def _revision(run: Row) -> str:
    """The revision: MTEB keeps revisions apart, so dimension, method and precision go in it."""
    return f"{run['dim']}-{run['dim_method']}-{run['precision']}"


def _task(asked: Asked) -> str:
    run = asked.run
    given: str | None = asked.options["task"]
    if given:
        return given
    way = "T2I" if run["direction"] == "t2v" else "I2T"
    words = re.sub(r"\W+", "", str(run["dataset"]).title())
    return f"{words}{way}Retrieval"


def _split(asked: Asked) -> str:
    """The split that all items share, else test."""
    data = find_dataset(asked.warehouse, asked.run["dataset"])
    found = set(asked.warehouse.read(data, ITEMS)["split"].unique().to_pylist())
    only = found.pop() if len(found) == 1 else None
    return str(only) if only else "test"


def _file(name: str) -> str:
    return re.sub(r"[^\w.+-]", "_", name)


def _dump(path: Path, value: dict[str, Any]) -> None:
    path.write_text(json.dumps(value, ensure_ascii=False, indent=2) + "\n", encoding="utf-8")


FORMAT = Format(
    name="mteb",
    summary="MTEB's result file of one run, and its predictions.",
    about="A folder MODEL/REVISION with TASK.json and model_meta.json, as MTEB keeps results, and "
    "predictions/TASK_predictions.json with every query's list (none with --top 0). The task is "
    "named after the data set (FlickrT2IRetrieval) unless --task says otherwise, for instance to "
    "compare with MTEB's own Flickr30kT2IRetrieval. mrr and map without a cut-off are of the whole "
    "list. mteb_version is null, because mteb did not measure it.",
    examples=(
        "cmr export mteb --dim 512 --precision fp16 --direction t2v --out mteb/",
        "cmr export mteb --run 3f0c --task Flickr30kT2IRetrieval --out mteb/",
    ),
    needs="run",
    into="folder",
    write=write,
    parameters=(
        Parameter("top", "Length of the predictions' lists; 0 for none.", kind=int, default=1000),
        Parameter("task", "Name of the task."),
        Parameter("language", "Language of the captions.", default="eng-Latn"),
    ),
)
