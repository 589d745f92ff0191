"""Embedding Atlas' Parquet: every item with a 2-D position and its neighbours."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq

from cmr.errors import CmrError
from cmr.export.exported_vectors import floats, items, sides
from cmr.export.format import Asked, Format, Stream
from cmr.export.neighbours import at_most, nearest
from cmr.represent.unit_vectors import Floats
from cmr.rows import Row
from cmr.sources.source import Parameter
from cmr.warehouse.schemas import TEXT

_KEPT = ("item_id", "text", "uri", "split")
_NEIGHBOURS = pa.struct([("ids", pa.list_(pa.int64())), ("distances", pa.list_(pa.float32()))])
_SCHEMA = pa.schema(
    [
        ("modality", pa.string()),
        *((name, pa.string()) for name in _KEPT),
        ("projection_x", pa.float32()),
        ("projection_y", pa.float32()),
        ("neighbors", _NEIGHBOURS),
    ]
)


def write(asked: Asked, out: Stream) -> None:
    """Write the texts, then the visuals; the id of a row is its number, from 0.

    `neighbors` are items of the other side, as a search finds them, with 1 - similarity.
    """
    pair = asked.pair
    plane = _umap(asked) if asked.options["projection"] == "umap" else _pca(asked)
    text_rows = pair.text["rows"]
    total = text_rows + pair.visual["rows"]
    with (
        pq.ParquetWriter(out, _SCHEMA, compression="zstd") as writer,
        asked.bar("items", total, "items") as advance,
    ):
        for side, row in sides(pair):
            other = pair.visual if side == TEXT else pair.text
            first_row = 0 if side == TEXT else text_rows
            told = items(asked.warehouse, pair, side).select(_KEPT)
            depth = at_most(asked, other)
            for first, (found, scores) in nearest(asked.warehouse, row, other, depth):
                # A row number in the file, where the visuals follow the texts.
                ids = found + (text_rows if side == TEXT else 0)
                here = slice(first_row + first, first_row + first + len(found))
                part = told.slice(first, len(found))
                columns = [
                    pa.array([side] * len(found)),
                    *(part[name] for name in _KEPT),
                    pa.array(plane[here, 0]),
                    pa.array(plane[here, 1]),
                    _structs(ids, 1 - scores),
                ]
                writer.write_table(pa.Table.from_arrays(columns, schema=_SCHEMA), 65_536)
                advance(len(found))


def _structs(ids: npt.NDArray[np.int64], distances: Floats) -> pa.StructArray:
    offsets = pa.array(np.arange(len(ids) + 1) * ids.shape[1], pa.int32())
    lists = [
        pa.ListArray.from_arrays(offsets, pa.array(np.ascontiguousarray(array).reshape(-1)))
        for array in (ids, distances)
    ]
    return pa.StructArray.from_arrays(lists, fields=list(_NEIGHBOURS))


def _rows(asked: Asked) -> Iterator[tuple[Row, Floats]]:
    for _, row in sides(asked.pair):
        for block in floats(asked.warehouse, row):
            yield row, block


def _pca(asked: Asked) -> Floats:
    """(items, 2): the first two principal components of both sides together, centred.

    Makes two passes over the vectors, which are never all in memory.
    """
    dim = asked.pair.text["dim"]
    count, total, moment = 0, np.zeros(dim), np.zeros((dim, dim))
    for _, block in _rows(asked):
        wide = block.astype(np.float64)
        count += len(block)
        total += wide.sum(0)
        moment += wide.T @ wide
    mean = total / count
    _, axes = np.linalg.eigh(moment / count - np.outer(mean, mean))
    best = axes[:, :-3:-1]
    if best.shape[1] < 2:
        raise CmrError("vectors of one dimension cannot be projected to 2-D")
    # A component's sign is arbitrary; this makes it the same on every machine.
    best = best * np.where(best[np.abs(best).argmax(0), [0, 1]] < 0, -1, 1)
    parts = [(block - mean) @ best for _, block in _rows(asked)]
    return np.concatenate(parts).astype(np.float32)


def _umap(asked: Asked) -> Floats:
    """(items, 2) by umap-learn, which the viewer itself uses; holds all vectors in memory."""
    try:
        import umap
    except ModuleNotFoundError:
        raise CmrError("--projection umap needs umap-learn: pip install umap-learn") from None
    vectors = np.concatenate([block for _, block in _rows(asked)])
    # A seed makes it reproducible, but limits it to one thread.
    found = umap.UMAP(metric="cosine", random_state=42, n_jobs=1).fit_transform(vectors)
    return np.asarray(found, dtype=np.float32)


FORMAT = Format(
    name="embedding-atlas",
    summary="Parquet for the viewer Embedding Atlas: 2-D projection and neighbours.",
    about="Texts, then visuals, one row each: projection_x and projection_y by the first two "
    "principal components of both sides (or --projection umap, with umap-learn installed), and the "
    "exact neighbours on the other side, as a search for the item finds them.",
    examples=(
        "cmr export embedding-atlas --dataset coco --out coco.parquet",
        "embedding-atlas coco.parquet --text text --x projection_x --y projection_y "
        "--neighbors neighbors",
    ),
    needs="representation",
    into="stream",
    write=write,
    parameters=(
        Parameter("top", "Neighbours per item; 0 for all.", kind=int, default=15),
        Parameter("projection", "How to project to 2-D.", default="pca", choices=("pca", "umap")),
    ),
)
