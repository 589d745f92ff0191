"""The top lists of a run: the stored ones, or, where these are too short, scored again."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from cmr.errors import CmrError
from cmr.export.format import Asked
from cmr.export.neighbours import nearest
from cmr.pipeline.judged_data import JudgedData, find_dataset, load_judged_data
from cmr.pipeline.request import Request
from cmr.represent.quantizer_kinds import ABSMAX
from cmr.rows import Row
from cmr.score.search.scorer_kinds import IMPORTED, TORCH
from cmr.sources.source import Parameter
from cmr.warehouse.schemas import EMBEDDING_SETS, HITS, RANKS, TEXT, VISUAL
from cmr.warehouse.store import Store

TOP = Parameter(
    "top", "Length of every query's list; 0 for the whole gallery.", kind=int, default=1000
)


@dataclass(frozen=True)
class ExportedLists:
    """Lists of some queries: (queries,) query ids; (queries, n) item ids and float32 scores.

    Best first; scores decrease strictly along a list.
    """

    queries: pa.Array
    items: list[pa.Array]
    scores: npt.NDArray[np.float32]


def depth(asked: Asked) -> int:
    """Length of the lists: `--top`, at most the gallery."""
    gallery = int(asked.run["gallery"])
    return min(int(asked.options["top"]) or gallery, gallery)


def top_lists(asked: Asked) -> Iterator[ExportedLists]:
    """The lists of every query that has a relevant item, some queries at a time.

    Evaluators sort by score and break ties arbitrarily, so scores are made strictly decreasing: an
    item that ties with the one before it gets the next smaller float. Raises CmrError if a run's
    hits are not stored and its vectors are gone.
    """
    wanted = depth(asked)
    run = asked.run
    # Of lists that were imported there is nothing else.
    stored = run["scorer"] == IMPORTED or (
        run["hits"] and min(run["hits"], run["gallery"]) >= wanted
    )
    with asked.bar("lists", run["queries"], "queries") as advance:
        for part in _stored(asked, wanted) if stored else _scored(asked, wanted):
            yield ExportedLists(part.queries, part.items, falling(part.scores))
            advance(len(part.queries))
    _tell_ties(asked)


def falling(scores: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    """(queries, n) scores, best first, each strictly below the one before it, as float32.

    An equal score is lowered by one float, or by 1e-12 near zero, where floats are finer than
    evaluators print.
    """
    found = np.array(scores, dtype=np.float32)
    for place in range(1, found.shape[1]):
        before = found[:, place - 1]
        step = np.maximum(np.spacing(np.abs(before)), np.float32(1e-12))
        found[:, place] = np.minimum(found[:, place], before - step)
    return found


def judged_pairs(asked: Asked) -> Iterator[tuple[pa.Array, pa.Array, npt.NDArray[np.int32]]]:
    """Query ids, item ids and relevance of the run's judgments, grouped by query."""
    data = _data(asked)
    direction = str(asked.run["direction"])
    judged = data.judged[direction]
    ask, find = _sides(direction)
    relevance = np.asarray(data.relevance[direction], dtype=np.int32)[judged.order]
    step = 500_000
    for start in range(0, len(judged.query), step):
        part = slice(start, start + step)
        yield (
            data.ids[ask].take(pa.array(judged.query[part])),
            data.ids[find].take(pa.array(judged.item[part])),
            relevance[part],
        )


def _sides(direction: str) -> tuple[str, str]:
    return (TEXT, VISUAL) if direction == "t2v" else (VISUAL, TEXT)


def _data(asked: Asked) -> JudgedData:
    run = asked.run
    row = find_dataset(asked.warehouse, run["dataset"])
    request = Request(run["dataset"], directions=run["direction"], qrels=run["qrels"])
    return load_judged_data(asked.warehouse, row, request)


def _stored(asked: Asked, wanted: int) -> Iterator[ExportedLists]:
    """The lists from the table `hits`, some whole queries at a time; see `_lists`."""
    held: pa.Table | None = None
    for table in _groups(asked.warehouse, asked.run, HITS.name):
        rows = table if held is None else pa.concat_tables([held, table])
        begins = np.flatnonzero(rows["position"].to_numpy() == 1)
        # The last query may go on in the next group.
        last = int(begins[-1]) if len(begins) else 0
        held = rows.slice(last)
        yield from _lists(rows.slice(0, last).combine_chunks(), wanted)
    if held is not None:
        yield from _lists(held.combine_chunks(), wanted)


def _lists(part: pa.Table, wanted: int) -> Iterator[ExportedLists]:
    """The lists of whole queries, in order; neighbours whose lists are as long come together."""
    begins = np.flatnonzero(part["position"].to_numpy() == 1)
    lengths = np.diff(np.append(begins, part.num_rows))
    queries, items = (part[name].combine_chunks() for name in ("query_id", "item_id"))
    scores = part["score"].to_numpy()
    changes = np.flatnonzero(np.diff(lengths)) + 1
    for alike in np.split(np.arange(len(begins)), changes):
        if len(alike):
            first, kept = begins[alike], int(min(lengths[alike[0]], wanted))
            parts = [items.slice(start, kept) for start in first]
            places = first[:, None] + np.arange(kept)
            yield ExportedLists(queries.take(pa.array(first)), parts, scores[places])


def _groups(warehouse: Store, run: Row, table: str) -> Iterator[pa.Table]:
    mine = [name for name in run["files"] if name.startswith(f"{table}/")]
    warehouse.check(run, mine)
    for name in mine:
        with warehouse.storage.parquet(name) as file:
            for group in range(file.num_row_groups):
                yield file.read_row_group(group)


def _check_plain(run: Row) -> None:
    """Raise CmrError unless it is an exact one-stage search over absmax codes or floats."""
    plain = run["scorer"] == TORCH and run["list_length"] is None
    if not plain or run["query_precision"] or run["quantizer"] not in (None, ABSMAX):
        raise CmrError(
            f"the lists of run {run['run_id']} are those that its search returned, and only "
            f"{run['hits']} per query are stored; `cmr evaluate --hits` stores more"
        )


def _scored(asked: Asked, wanted: int) -> Iterator[ExportedLists]:
    """The lists scored again from the run's own vectors, by the kernel that counted them."""
    _check_plain(asked.run)
    run, warehouse = asked.run, asked.warehouse
    sets = {row["set_id"]: row for row in warehouse.catalogue(EMBEDDING_SETS)}
    if run["text_set"] not in sets or run["visual_set"] not in sets:
        raise CmrError(f"the vectors of run {run['run_id']} are no longer in the warehouse")
    ask, find = _sides(run["direction"])
    data = _data(asked)
    relevants = data.judged[run["direction"]].relevants
    queries, gallery = (sets[run[f"{side}_set"]] for side in (ask, find))
    for first, (found, scores) in nearest(warehouse, queries, gallery, wanted):
        mine = np.flatnonzero(relevants[first : first + len(found)] > 0)
        parts = [data.ids[find].take(pa.array(found[row])) for row in mine]
        yield ExportedLists(data.ids[ask].take(pa.array(first + mine)), parts, scores[mine])


def _tell_ties(asked: Asked) -> None:
    """Report ties: a list shows one order, while cmr's figures are expectations over all."""
    tied = set()
    for name in asked.run["files"]:
        if name.startswith(f"{RANKS.name}/"):
            columns = ["query_id", "tied"]
            table = asked.warehouse.storage.read(name, columns=columns)
            tied |= set(table.filter(pc.greater(table["tied"], 0))["query_id"].to_pylist())
    if tied:
        asked.say(
            f"{len(tied):,} of {asked.run['queries']:,} queries have a relevant item that ties "
            "with others: the list shows one order of them, while cmr's figures are expectations "
            "over all orders"
        )
