"""MTEB's result and prediction files."""

from __future__ import annotations

import hashlib
import json
import re
from pathlib import Path
from typing import Any

from cmr.errors import CmrError
from cmr.export.format import Asked, Format
from cmr.export.lists import top_lists
from cmr.export.mark import write_mark
from cmr.export.tool_names import figures
from cmr.pipeline.judged_data import find_dataset
from cmr.precision import FP32
from cmr.report import named
from cmr.represent.dim_methods import NATIVE
from cmr.represent.quantizer_kinds import ABSMAX
from cmr.rows import Row
from cmr.score.search.scorer_kinds import IMPORTED, TORCH
from cmr.sources.source import Parameter
from cmr.warehouse.schemas import ITEMS

# MTEB's names for our measures, without K; mrr and map of the whole list have no cut-off.
_NAMES = {
    "ndcg": "ndcg", "recall": "recall", "precision": "precision", "hit_rate": "hit_rate",
    "mrr": "mrr", "mrr@k": "mrr", "map": "map",
}  # fmt: skip
MAIN = "ndcg_at_10"
# What MTEB says where there is no revision.
_NONE = "no_revision_available"
# MTEB's description of a model: what cmr does not know of it, and what holds for all.
_UNKNOWN = (
    "release_date", "languages", "n_parameters", "memory_usage_mb", "max_tokens", "license",
    "open_weights", "public_training_code", "public_training_data", "use_instructions",
    "training_datasets", "loader",
)  # fmt: skip
_OF_ALL = {"framework": [], "similarity_fn_name": "cosine", "modalities": ["image", "text"]}


def write(asked: Asked, out: Path) -> None:
    """Write results/MODEL/REVISION/TASK.json, as MTEB's cache has it, and predictions/.

    What is not the model's own output, a dimension, a precision or a search, is an experiment.
    """
    run = asked.run
    task, split, experiment = _task(asked), _split(asked), _experiment(run)
    revision = asked.options["revision"]
    folder = out / "results" / _file(run["model"].replace("/", "__")) / _file(revision or _NONE)
    if experiment:
        folder = folder / "experiments" / _name(experiment)
    folder.mkdir(parents=True)
    known = {
        "name": run["model"],
        "revision": revision,
        "embed_dim": run["dim"],
        "experiment_kwargs": experiment or None,
    }
    _dump(folder / "model_meta.json", dict.fromkeys(_UNKNOWN) | _OF_ALL | known)
    _dump(folder / f"{task}.json", _result(asked, task, split))
    if asked.options["top"]:
        (out / "predictions").mkdir()
        _predictions(asked, split, out / "predictions" / f"{task}_predictions.json")
    write_mark(asked, "mteb", out, task=task, dataset_fingerprint=run["dataset_fingerprint"])


def _experiment(run: Row) -> dict[str, Any]:
    """How a run differs from the model's own vectors, searched exactly; MTEB's experiment."""
    found: dict[str, Any] = {}
    if run["dim_method"] not in (None, NATIVE):
        found |= {"embed_dim": run["dim"], "dim_method": run["dim_method"]}
    if run["precision"] not in (None, FP32):
        found["precision"] = run["precision"]
    if run["quantizer"] not in (None, ABSMAX):
        found["quantizer"] = run["quantizer"]
    if run["query_precision"]:
        found["query_precision"] = run["query_precision"]
    if run["scorer"] not in (TORCH, IMPORTED) or run["rescore"]:
        found["search"] = ", ".join(named.search(run))
    return found


def _name(experiment: dict[str, Any]) -> str:
    """The name of an experiment's folder, as MTEB makes it."""
    parts = (f"{key}_{value}" for key, value in sorted(experiment.items()))
    name = re.sub(r'[<>:"|?*\\/\0]', "_", "__".join(parts))
    return name if len(name) <= 200 else f"exp_{hashlib.sha256(name.encode()).hexdigest()[:16]}"


def _result(asked: Asked, task: str, split: str) -> dict[str, Any]:
    run = asked.run
    measured = figures(asked, [run["run_id"]])[run["run_id"]]
    scores: dict[str, Any] = {
        _NAMES[kind] if k is None else f"{_NAMES[kind]}_at_{k}": value
        for (kind, k), value in measured.items()
        # What lies beyond a list that was searched or imported is not known.
        if kind in _NAMES and value is not None
    }
    if MAIN not in scores:
        raise CmrError(
            f"run {run['run_id']} has no ndcg@10, MTEB's main score: its lists are short"
        )
    scores |= {
        "main_score": scores[MAIN],
        "hf_subset": "default",
        "languages": [asked.options["language"]],
    }
    return {
        "dataset_revision": asked.options["dataset_revision"] or _NONE,
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
    meta = {"model_name": run["model"], "revision": asked.options["revision"]}
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
    about="A folder as MTEB's cache of results, for mteb.ResultCache(FOLDER): "
    "results/MODEL/REVISION/TASK.json with model_meta.json, below experiments/ where the run is of "
    "another dimension, precision or search than the model's own; and "
    "predictions/TASK_predictions.json with every query's list (none with --top 0). Revisions are "
    "those that are given, else no_revision_available. The task is "
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
        Parameter("revision", "Revision of the model, such as a commit on the Hub."),
        Parameter("dataset_revision", "Revision of the data set on the Hub."),
        Parameter("language", "Language of the captions.", default="eng-Latn"),
    ),
)
