"""The data set of a request, and checking the request against it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from cmr.errors import CmrError
from cmr.pipeline.request import DEFAULT_QRELS, DIRECTIONS, Request
from cmr.protocols import GROUPED_QRELS, GROUPED_WAY
from cmr.score.groups import GroupedJudged, by_visual
from cmr.score.judgments import Judged, judge
from cmr.sources.collection import TEXT, VISUAL
from cmr.suggestions import suggestion
from cmr.warehouse.current import current_sets
from cmr.warehouse.distractors import distractors_of
from cmr.warehouse.schemas import DATASETS, EMBEDDING_SETS, EXTRA_QRELS, ITEMS, QRELS, QRELS_SETS
from cmr.warehouse.store import Store


@dataclass(frozen=True)
class JudgedData:
    """A data set as evaluation needs it.

    `ids`: item ids by side, in the order of their ordinals. `judged`: by direction.
    `relevance`: by direction, of the pairs in the order that `judged` refers to. `qrels`: name
    and hash of the judgments, without a hash for the data set's own. `further`: C of `expected`
    beside those that a request has, of which each direction takes what its gallery holds.
    `gallery`: by direction, the ids that items' ordinals stand for, where these are not all of the
    other side.
    """

    row: dict[str, Any]
    ids: dict[str, pa.Array]
    relevance: dict[str, Any]
    judged: dict[str, Judged]
    qrels: tuple[str, str | None]
    further: tuple[int, ...] = ()
    gallery: dict[str, pa.Array] = field(default_factory=dict)

    @property
    def is_grouped(self) -> bool:
        """Whether visuals are ranked by the best of their captions."""
        return any(isinstance(one, GroupedJudged) for one in self.judged.values())

    def names(self, direction: str) -> tuple[pa.Array, pa.Array]:
        """The ids that a direction's queries and items stand for, by ordinal."""
        query, item = (TEXT, VISUAL) if direction == "t2v" else (VISUAL, TEXT)
        return self.ids[query], self.gallery.get(direction, self.ids[item])


def sole(names: Sequence[str], option: str) -> str | None:
    """The one name of a request for a single data set or model, or None where it names none."""
    if len(names) > 1:
        raise CmrError(f"{option} must name one here, not {', '.join(names)}")
    return names[0] if names else None


def find_dataset(warehouse: Store, name: str | None) -> dict[str, Any]:
    """The data set with this name, or the only one. Raises CmrError with the choices."""
    rows = {row["dataset"]: row for row in warehouse.catalogue(DATASETS)}
    if name is None and len(rows) == 1:
        return next(iter(rows.values()))
    have = ", ".join(sorted(rows)) or "none"
    if name is None:
        raise CmrError(f"--dataset must name one of the data sets; there are: {have}")
    if name not in rows:
        raise CmrError(f"there is no data set {name!r}; there are: {have}{suggestion(name, rows)}")
    return rows[name]


def find_model(warehouse: Store, data: dict[str, Any], name: str | None) -> str:
    """The model with this name, or the only one with vectors. Raises CmrError with the choices."""
    dataset = data["dataset"]
    models: list[str] = sorted(
        {row["model"] for row in current_sets(warehouse) if row["dataset"] == dataset}
    )
    have = ", ".join(models) or "none"
    if name is None and len(models) == 1:
        return models[0]
    if name is None:
        raise CmrError(f"--model must name one of the models of {dataset!r}; there are: {have}")
    if name not in models:
        every = warehouse.catalogue(EMBEDDING_SETS)
        if any((row["dataset"], row["model"]) == (dataset, name) for row in every):
            raise CmrError(
                f"{dataset!r} has grown since the model {name!r} encoded it; "
                "ingest it again with that model, which encodes only what is new"
            )
        raise CmrError(
            f"{dataset!r} has no vectors by the model {name!r}; there are: {have}"
            f"{suggestion(name, models)}"
        )
    return name


def load_judged_data(warehouse: Store, row: dict[str, Any], request: Request) -> JudgedData:
    """Read a data set's ids and the requested judgments.

    Raises CmrError if there are none with that name, or none for a requested direction.
    """
    items = {side: item_ids(warehouse, row, side) for side in (TEXT, VISUAL)}
    rows, mark = _judgments(warehouse, row, request.qrels)
    judged, relevance = {}, {}
    for direction in DIRECTIONS:
        if request.directions and direction not in request.directions:
            continue
        mine = rows
        if "direction" in rows.column_names:
            mine = rows.filter(pc.is_in(rows["direction"], value_set=pa.array([direction, "both"])))
        if not mine.num_rows:
            if request.directions:
                raise CmrError(
                    f"the judgments {request.qrels!r} of {row['dataset']!r} lack {direction}"
                )
            continue
        query, item = (TEXT, VISUAL) if direction == "t2v" else (VISUAL, TEXT)
        judged[direction] = judge(
            _ordinals(mine[f"{query}_id"], items[query]),
            _ordinals(mine[f"{item}_id"], items[item]),
            len(items[query]),
            len(items[item]),
        )
        relevance[direction] = mine["relevance"].to_numpy()
    found = JudgedData(row, items, relevance, judged, (request.qrels, mark))
    return _grouped(found) if request.is_grouped else found


def _grouped(data: JudgedData) -> JudgedData:
    """The same with each visual relevant to itself, to be ranked by the best of its captions.

    Raises CmrError for captions of several visuals, for distractors, and for judgments that are not
    the data set's.
    """
    captions = data.judged[GROUPED_WAY]
    if any(distractors_of(data.row).values()):
        raise CmrError(
            f"{data.row['dataset']!r} has distractors, which are in no visual's group of captions; "
            "evaluate the data set that they were added to"
        )
    if data.qrels[0] != DEFAULT_QRELS:
        raise CmrError(
            f"captions are grouped by the data set's own judgments, not by {data.qrels[0]!r}; "
            "leave --qrels out"
        )
    try:
        judged = by_visual(captions)
    except ValueError as error:
        text = data.ids[TEXT][error.args[0]].as_py()
        raise CmrError(
            f"captions of {data.row['dataset']!r} cannot be grouped: {text!r} belongs to several "
            "visuals, and would count for each of them"
        ) from None
    visuals = data.ids[VISUAL].take(pa.array(judged.grouped))
    return JudgedData(
        data.row,
        data.ids,
        {GROUPED_WAY: np.ones(len(judged.query), dtype=np.int32)},
        {GROUPED_WAY: judged},
        (GROUPED_QRELS, None),
        gallery={GROUPED_WAY: visuals},
    )


def _judgments(warehouse: Store, row: dict[str, Any], name: str) -> tuple[pa.Table, str | None]:
    """The judgments with that name, and their hash unless they are the data set's own."""
    if name == DEFAULT_QRELS:
        return warehouse.read(row, QRELS), None
    found = warehouse.find(QRELS_SETS, f"{row['dataset']}/{name}")
    if found is None:
        have = [
            one["qrels"]
            for one in warehouse.catalogue(QRELS_SETS)
            if one["dataset"] == row["dataset"]
        ]
        raise CmrError(
            f"{row['dataset']!r} has no judgments {name!r}; there are: "
            f"{', '.join([DEFAULT_QRELS, *sorted(have)])}"
        )
    return warehouse.read(found, EXTRA_QRELS), str(found["fingerprint"])


def _ordinals(names: pa.ChunkedArray, ids: pa.Array) -> npt.NDArray[np.int64]:
    """The position of each name among the ids. Raises CmrError for one that is missing."""
    found = pc.index_in(names, ids)
    if found.null_count:
        raise CmrError("the warehouse has a judgment of an item that it lacks; run cmr doctor")
    return np.asarray(found.to_numpy(), dtype=np.int64)


def item_ids(warehouse: Store, row: dict[str, Any], side: str) -> pa.Array:
    """The item ids of one side of a data set, by ordinal."""
    mine = [name for name in row["files"] if f"/modality={side}/" in name]
    table = warehouse.read(row, ITEMS, mine).sort_by("ordinal")
    return table["item_id"].combine_chunks()
