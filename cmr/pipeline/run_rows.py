"""The catalogue row of a run: its identity, what it already answers, and what is added."""

from __future__ import annotations

import json
import os
import platform
from collections.abc import Sequence
from functools import cache
from importlib.metadata import version

from cmr.identity import identity
from cmr.pipeline.case import Case
from cmr.pipeline.judged_data import JudgedData
from cmr.pipeline.request import ALWAYS_KS, Request
from cmr.pipeline.teaching import Teaching
from cmr.rows import Row
from cmr.score.judgments import Judged
from cmr.score.search.scorer_kinds import IMPORTED, scorer_kind
from cmr.version import __version__
from cmr.warehouse.current import expected_sizes
from cmr.warehouse.schemas import HELD_OUT_HITS

_LIBRARIES = ("torch", "numpy", "numba", "pyarrow", "duckdb", "usearch", "open_clip_torch")


def run_identity(request: Request, data: JudgedData, case: Case, direction: str) -> str:
    """The run's id: a hash of the data, the embedding sets, direction, search and seed.

    Protocols, C, K and draws are not part of it: they are questions about the same run.
    """
    name, mark = data.qrels
    # A run on the data set's own judgments has the same id as before there were others.
    further: Row = {} if mark is None else {"qrels": name, "judgments": mark}
    if data.is_grouped:
        further["grouped"] = True
    # So has an exact search of one stage.
    if case.search.settings:
        further["search"] = case.search.settings
    taught = case.teaching.get(direction)
    if taught is not None and taught.vectors is not None:
        further["taught_by"] = taught.set_id
    if case.fine is not None:
        further["fine_sets"] = [case.fine.text["set_id"], case.fine.visual["set_id"]]
    return identity(
        dataset=data.row["dataset"],
        data=data.row["fingerprint"],
        text_set=case.made.text["set_id"],
        visual_set=case.made.visual["set_id"],
        direction=direction,
        scorer=case.search.scorer,
        seed=request.seed,
        **further,
    )


def has_counts(found: Row | None, request: Request, folds: int) -> bool:
    """Whether a run's stored counts answer the request, so that nothing has to be scored.

    `folds`: the number of folds in which it has to be fitted; 0 for none.
    """
    if found is None or (folds and found["folds"] != folds):
        return False
    if request.hits > found["hits"] or (request.hits and folds and not _has_held_out_hits(found)):
        return False
    if not request.pool_sizes:
        return True
    sizes = set(found["sampled_candidates"])
    return set(request.pool_sizes) <= sizes and request.draws <= found["draws"]


def _has_held_out_hits(found: Row) -> bool:
    return any(name.startswith(f"{HELD_OUT_HITS.name}/") for name in found["files"])


def questions(
    found: Row | None, request: Request, judged: Judged, further: Sequence[int] = ()
) -> Row:
    """The protocols, C and K of a run with the request's added, in order.

    `further`: C beside the request's (`cmr.pipeline.judged_data`).

    `candidates` are the C of `expected`; values from earlier versions' rows that no pool can have,
    or that were not requested, are dropped.
    """
    old: Row = found or {"protocols": [], "candidates": [], "ks": []}
    ks = {*ALWAYS_KS, *request.k, *old["ks"]}
    protocols = {*request.protocols, *old["protocols"]}
    sizes = {*expected_sizes(old), *request.expected_sizes, *further}
    possible = range(int(judged.relevants.max()), judged.gallery + 1)
    asked = sorted(sizes.intersection(possible))
    return {
        "protocols": sorted(protocols),
        "candidates": asked,
        "expected_candidates": asked,
        "ks": sorted(ks),
    }


def describe_run(request: Request, data: JudgedData, case: Case, direction: str) -> Row:
    """The part of a run's row that is known before it is scored."""
    judged, made = data.judged[direction], case.made
    gallery = made.side(direction, True)
    return {
        **case.search.columns,
        "run_id": run_identity(request, data, case, direction),
        "dataset": data.row["dataset"],
        "qrels": data.qrels[0],
        "grouped": data.is_grouped,
        "model": made.text["model"],
        "direction": direction,
        "dim": made.wanted.dim,
        "dim_method": made.wanted.dim_method,
        "precision": made.wanted.precision,
        "quantizer": made.wanted.coded_by,
        "query_precision": made.query_precision,
        "scorer": case.search.scorer,
        "seed": request.seed,
        "queries": int((judged.relevants > 0).sum()),
        "most_relevants": int(judged.relevants.max()),
        "gallery": judged.gallery,
        "text_set": made.text["set_id"],
        "visual_set": made.visual["set_id"],
        "dataset_fingerprint": data.row["fingerprint"],
        "qrels_fingerprint": data.qrels[1],
        "vector_bytes": case.vector_bytes(direction),
        "rescore_bytes": case.rescore_bytes(direction),
        "index_bytes": None,
        **_fit(gallery, case.teaching.get(direction)),
        **environment(case.search.scorer),
    }


def _fit(gallery: Row, taught: Teaching | None) -> Row:
    """What was learnt from, by the gallery's set and by the search; of both the fewer vectors."""
    fit_on, count = gallery["fit_on"], gallery["fit_vectors"]
    if taught is not None:
        fit_on = taught.fit_on
        count = taught.fit_vectors if count is None else min(count, taught.fit_vectors)
    return {"fit_on": fit_on, "fit_vectors": count, "scorer_learns": taught is not None}


@cache
def environment(scorer: str) -> Row:
    """Versions, those of what the scorer imports among them, and machine."""
    versions = {"cmr": __version__, **{name: version(name) for name in _LIBRARIES}}
    if scorer != IMPORTED:
        versions |= scorer_kind(scorer).versions()
    machine = {
        "processor": platform.processor() or platform.machine(),
        "cores": os.cpu_count(),
        "system": platform.system(),
        "python": platform.python_version(),
    }
    return {
        "versions": json.dumps(versions, sort_keys=True),
        "machine": json.dumps(machine, sort_keys=True),
    }
