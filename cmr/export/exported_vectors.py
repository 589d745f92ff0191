"""A representation's vectors, ids and judgments, read in chunks."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from cmr.export.format import Asked, SetPair, Stream
from cmr.represent.coded_sets import multiplied
from cmr.represent.precisions import Encoded, decode
from cmr.represent.unit_vectors import Floats
from cmr.rows import Row
from cmr.score.asymmetric import as_compared
from cmr.sources.source import Parameter
from cmr.warehouse.schemas import TEXT, VISUAL
from cmr.warehouse.store import Store
from cmr.warehouse.vectors import StoredVectors, group_rows

Array = npt.NDArray[Any]


DIRECTION = Parameter(
    "direction",
    "t2v: text queries, visual gallery; v2t: the reverse.",
    default="t2v",
    choices=("t2v", "v2t"),
)


@dataclass(frozen=True)
class Judgments:
    """(pairs,) ordinals of texts and visuals, and their relevance; by text, then by visual."""

    text: npt.NDArray[np.int64]
    visual: npt.NDArray[np.int64]
    relevance: npt.NDArray[np.int32]


def set_ids(warehouse: Store, row: Row) -> pa.Array:
    """Item ids of an embedding set, in the order of its vectors."""
    names = [name for name in row["files"] if name.startswith("embeddings/")]
    warehouse.check(row, names)
    parts = [warehouse.storage.read(name, columns=["item_id"])["item_id"] for name in names]
    return pa.chunked_array([chunk for part in parts for chunk in part.chunks]).combine_chunks()


def items(warehouse: Store, pair: SetPair, side: str) -> pa.Table:
    """The rows of `items` of one side, in the order of the vectors."""
    from cmr.pipeline.judged_data import find_dataset
    from cmr.warehouse.schemas import ITEMS

    data = find_dataset(warehouse, pair.text["dataset"])
    mine = [name for name in data["files"] if f"/modality={side}/" in name]
    return warehouse.read(data, ITEMS, mine).sort_by("ordinal")


def judgments(warehouse: Store, pair: SetPair) -> Judgments:
    """The data set's own judgments."""
    from cmr.pipeline.judged_data import find_dataset, load_judged_data
    from cmr.pipeline.request import Request

    row = find_dataset(warehouse, pair.text["dataset"])
    data = load_judged_data(warehouse, row, Request(row["dataset"], directions="t2v"))
    judged = data.judged["t2v"]
    relevance = np.asarray(data.relevance["t2v"], dtype=np.int32)[judged.order]
    return Judgments(judged.query, judged.item, relevance)


def stretches(warehouse: Store, row: Row) -> Iterator[tuple[int, Encoded]]:
    """(first ordinal, vectors) in order, a few megabytes at a time, as they are compared."""
    rows = group_rows(row["dim"], multiplied(row))
    yield from as_compared(StoredVectors(warehouse, row), row).blocks(rows)


def floats(warehouse: Store, row: Row) -> Iterator[Floats]:
    """The vectors as (rows, dim) float32, a few megabytes at a time; codes times their scale."""
    for _, block in stretches(warehouse, row):
        yield decode(block)


def sides(pair: SetPair) -> tuple[tuple[str, Row], tuple[str, Row]]:
    """Both sides with their catalogue rows, texts first."""
    return (TEXT, pair.text), (VISUAL, pair.visual)


def searched(asked: Asked) -> tuple[Row, Row]:
    """The embedding sets of the queries and of the gallery, by the option `--direction`."""
    text, visual = asked.pair.text, asked.pair.visual
    return (visual, text) if asked.options["direction"] == "v2t" else (text, visual)


def write_npy(
    out: Stream, shape: tuple[int, ...], dtype: np.dtype[Any] | str, blocks: Iterable[Array]
) -> None:
    """Write NumPy's .npy format (version 1.0) from parts of an array."""
    kind = np.dtype(dtype)
    header = {"descr": np.lib.format.dtype_to_descr(kind), "fortran_order": False, "shape": shape}
    np.lib.format.write_array_header_1_0(out, header)
    for block in blocks:
        out.write(np.ascontiguousarray(block, dtype=kind).data)
