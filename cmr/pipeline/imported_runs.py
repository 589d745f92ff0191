"""Ranked lists of another system as a run: what it found is known, and nothing beyond."""

from __future__ import annotations

import json
import time
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from cmr.errors import CmrError
from cmr.identity import array_hash, identity
from cmr.pipeline.case import Scored
from cmr.pipeline.file_ids import Ids, direction_of, spelt
from cmr.pipeline.judged_data import JudgedData, find_dataset, item_ids, load_judged_data
from cmr.pipeline.request import DEFAULT_QRELS, Request
from cmr.pipeline.run_files import commit_run
from cmr.pipeline.run_rows import environment, questions
from cmr.rows import Row
from cmr.score.judgments import Judged
from cmr.score.rank_rows import places
from cmr.score.search.returned_lists import Lists, counts
from cmr.score.search.scorer_kinds import IMPORTED
from cmr.score.tally import UNKNOWN, Counted
from cmr.sources.collection import TEXT, VISUAL
from cmr.sources.runlists import RunRows
from cmr.warehouse.current import current_runs, current_sets
from cmr.warehouse.layout import check_name
from cmr.warehouse.schemas import RUNS
from cmr.warehouse.store import Store
from cmr.warehouse.verified import is_sound

Int64 = npt.NDArray[np.int64]


@dataclass(frozen=True)
class StoredRun:
    """What was stored. `queries`: that have judgments; `empty`: those for which the file has no
    item; `unjudged`: of the file, without a judgment. `length`: of the longest list.
    """

    run_id: str
    dataset: str
    name: str
    direction: str
    queries: int
    empty: int
    unjudged: int
    length: int
    new: bool
    seconds: float


def ingest_run(
    root: str,
    dataset: str | None,
    name: str,
    rows: RunRows,
    direction: str | None = None,
    qrels: str = DEFAULT_QRELS,
) -> StoredRun:
    """Store a file's lists as a run whose model is `name`.

    `direction`: of its queries; None infers it from the ids. Within a list the order is
    trec_eval's: by score as float32, and of equal scores the greater id first. Raises CmrError for
    ids that the data set lacks, and for a name under which there are other lists or vectors.
    """
    clock = time.perf_counter()
    check_name("--as", name)
    warehouse = Store.open(root)
    found = find_dataset(warehouse, dataset)
    ids = {side: item_ids(warehouse, found, side) for side in (TEXT, VISUAL)}
    rows = spelt(rows, ids)
    way = direction or direction_of(rows, ids, found["dataset"])
    request = Request(found["dataset"], directions=(way,), qrels=qrels, protocols=("full",))
    data = load_judged_data(warehouse, found, request)
    lists = _lists(*_ordinals(rows, ids, way, found["dataset"]), rows.scores, ids, way)
    judged = data.judged[way]
    row = {
        **_described(data, way, name, rows, lists),
        **questions(None, request, judged),
    }
    run_id = row["run_id"]
    _check_unused(warehouse, row)
    with warehouse.claim(run_id):
        there = warehouse.find(RUNS, run_id)
        new = there is None or not is_sound(warehouse.storage, there)
        if new:
            counted = in_order(way, judged, lists)
            seconds = {"read": time.perf_counter() - clock}
            row |= {"started_at": datetime.now(UTC), "seconds": seconds["read"]}
            commit_run(warehouse, data, row, there, Scored(counted, seconds, {}, lists))
    asked, has = judged.relevants > 0, lists.items[:, 0] >= 0
    return StoredRun(
        run_id, found["dataset"], name, way, int(asked.sum()), int((asked & ~has).sum()),
        int((has & ~asked).sum()), lists.items.shape[1], new, time.perf_counter() - clock,
    )  # fmt: skip


def _check_unused(warehouse: Store, row: Row) -> None:
    """Raise CmrError if the run's name stands for something else already."""
    dataset, name = row["dataset"], row["model"]
    if any((one["dataset"], one["model"]) == (dataset, name) for one in current_sets(warehouse)):
        raise CmrError(f"{name!r} is a model with vectors of {dataset!r}; choose another --as")
    key = ("dataset", "qrels", "model", "direction")
    for one in current_runs(warehouse):
        if all(one[part] == row[part] for part in key) and one["run_id"] != row["run_id"]:
            raise CmrError(
                f"{dataset!r} has other lists under the name {name!r} ({row['direction']}); choose "
                f"another --as, or remove them: cmr runs remove {one['run_id']}"
            )


def in_order(direction: str, judged: Judged, lists: Lists) -> Counted:
    """What lists say if nothing in them ties: a file's order is the system's answer."""
    falling = -np.broadcast_to(np.arange(lists.items.shape[1], dtype=float), lists.items.shape)
    counted = counts(direction, judged, replace(lists, scores=falling, tolerance=0.0), None)
    listed = counted.above != UNKNOWN
    place = (counted.above + counted.relevants_above)[listed]
    scores = np.full(len(listed), np.nan, np.float32)
    scores[listed] = lists.scores[judged.query[listed], place]
    return replace(counted, scores=scores)


def _ordinals(rows: RunRows, ids: Ids, way: str, dataset: str) -> tuple[Int64, Int64]:
    """The ordinals of the rows' queries and items. Raises CmrError for unknown ones."""
    sides = (TEXT, VISUAL) if way == "t2v" else (VISUAL, TEXT)
    found = []
    for what, names, side in zip(
        ("queries", "items"), (rows.queries, rows.items), sides, strict=True
    ):
        given = pa.array(names, pa.string())
        place = pc.index_in(given, ids[side])
        if place.null_count:
            unknown = given.filter(pc.is_null(place)).unique()
            raise CmrError(
                f"{rows.path}: {len(unknown):,} of {len(given.unique()):,} {what} are no {side} of "
                f"{dataset!r}, such as {unknown[0].as_py()!r}; its are such as "
                f"{ids[side][0].as_py()!r}"
            )
        found.append(np.asarray(place.to_numpy(), dtype=np.int64))
    return found[0], found[1]


def _lists(query: Int64, item: Int64, scores: npt.NDArray[np.float32], ids: Ids, way: str) -> Lists:
    """Every query's list, best first; of equal scores the greater id comes first."""
    ask, find = (TEXT, VISUAL) if way == "t2v" else (VISUAL, TEXT)
    order = np.lexsort((-places(ids[find])[item], -scores, query))
    query, item, scores = query[order], item[order], scores[order]
    lengths = np.bincount(query, minlength=len(ids[ask]))
    position = np.arange(len(query)) - (np.cumsum(lengths) - lengths)[query]
    shape = (len(ids[ask]), int(lengths.max()))
    items, placed = np.full(shape, -1, np.int64), np.full(shape, -np.inf)
    items[query, position], placed[query, position] = item, scores
    return Lists(items, placed, np.full(shape, UNKNOWN, np.int64), 0.0)


def _described(data: JudgedData, way: str, name: str, rows: RunRows, lists: Lists) -> Row:
    """The row of `runs`, less when it was stored; what only a representation has is None."""
    judged, length = data.judged[way], lists.items.shape[1]
    told = {"format": rows.form, "file": Path(rows.path).name, "tag": rows.tag}
    qrels, mark = data.qrels
    further: Row = {} if mark is None else {"qrels": qrels, "judgments": mark}
    content = [array_hash(array) for array in (lists.items, lists.scores.astype(np.float32))]
    run_id = identity(
        dataset=data.row["dataset"],
        data=data.row["fingerprint"],
        direction=way,
        scorer=IMPORTED,
        model=name,
        lists=content,
        **further,
    )
    return dict.fromkeys(RUNS.schema.names) | {
        "run_id": run_id,
        "dataset": data.row["dataset"],
        "qrels": qrels,
        "model": name,
        "direction": way,
        "scorer": IMPORTED,
        "scorer_settings": json.dumps(told, sort_keys=True),
        "scorer_learns": False,
        "list_length": length,
        "hits": length,
        "sampled_candidates": [],
        "draws": 0,
        "folds": 0,
        "queries": int((judged.relevants > 0).sum()),
        "most_relevants": int(judged.relevants.max()),
        "gallery": judged.gallery,
        "dataset_fingerprint": data.row["fingerprint"],
        "qrels_fingerprint": mark,
        "device": "cpu",
        **environment(IMPORTED),
    }
