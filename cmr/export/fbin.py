"""big-ann-benchmarks' binary files: .fbin of floats, .i8bin of codes, and the ground truth."""

from __future__ import annotations

import csv
from collections.abc import Iterable
from pathlib import Path

import numpy as np

from cmr.export.exported_vectors import (
    DIRECTION,
    Array,
    items,
    judgments,
    searched,
    sides,
    stretches,
)
from cmr.export.format import Asked, Format, Stream
from cmr.export.mark import write_mark
from cmr.export.neighbours import at_most, nearest
from cmr.precision import INTEGER
from cmr.progressbar import Advance
from cmr.represent.coded_sets import multiplied
from cmr.represent.precisions import decode, to_integers
from cmr.rows import Row
from cmr.sources.source import Parameter

_FILES = {"text": "texts", "visual": "visuals"}


def write(asked: Asked, out: Path) -> None:
    """Write a folder with both sides' vectors and ids, the matching pairs, and the ground truth."""
    out.mkdir()
    total = sum(row["rows"] for _, row in sides(asked.pair)) + searched(asked)[0]["rows"]
    with asked.bar("vectors", total, "vectors") as advance:
        for side, row in sides(asked.pair):
            name = _FILES[side]
            _vectors(asked, row, out, name)
            _ids(asked, side, out / f"{name}.csv")
            advance(row["rows"])
        _pairs(asked, out / "pairs.csv")
        queries, gallery = searched(asked)
        depth = at_most(asked, gallery)
        _truth(asked, queries, gallery, depth, out / "groundtruth.bin", advance)
    write_mark(asked, "fbin", out, queries=_FILES[queries["modality"]], neighbours=depth)


def _vectors(asked: Asked, row: Row, out: Path, name: str) -> None:
    """Write uint32 n, uint32 d, then the numbers; the scales of codes go to a one-column file."""
    blocks = stretches(asked.warehouse, row)
    if multiplied(row) not in INTEGER:
        with (out / f"{name}.fbin").open("wb") as stream:
            _write(stream, row["rows"], row["dim"], (decode(block) for _, block in blocks))
        return
    scales = []

    def codes() -> Iterable[Array]:
        for _, block in blocks:
            scales.append(block.scales)
            yield to_integers(block)

    with (out / f"{name}.i8bin").open("wb") as stream:
        _write(stream, row["rows"], row["dim"], codes())
    with (out / f"{name}.scales.fbin").open("wb") as stream:
        _write(stream, row["rows"], 1, scales)


def _write(out: Stream, rows: int, dim: int, blocks: Iterable[Array]) -> None:
    out.write(np.array([rows, dim], dtype="<u4").tobytes())
    for block in blocks:
        out.write(np.ascontiguousarray(block).data)


def _ids(asked: Asked, side: str, path: Path) -> None:
    table = items(asked.warehouse, asked.pair, side)
    rows = zip(*(table[name].to_pylist() for name in ("item_id", "text", "uri")), strict=True)
    _table(path, ("row", "item_id", "text", "uri"), ((n, *row) for n, row in enumerate(rows)))


def _pairs(asked: Asked, path: Path) -> None:
    judged = judgments(asked.warehouse, asked.pair)
    columns = (judged.text.tolist(), judged.visual.tolist(), judged.relevance.tolist())
    _table(path, ("text", "visual", "relevance"), zip(*columns, strict=True))


def _table(path: Path, names: Iterable[str], rows: Iterable[Iterable[object]]) -> None:
    with path.open("w", encoding="utf-8", newline="") as stream:
        writer = csv.writer(stream, lineterminator="\n")
        writer.writerow(names)
        writer.writerows(rows)


def _truth(
    asked: Asked, queries: Row, gallery: Row, depth: int, path: Path, advance: Advance
) -> None:
    """Write uint32 n, uint32 k, n x k uint32 gallery rows, n x k float32 similarities."""
    rows, entries = queries["rows"], queries["rows"] * depth
    with path.open("wb") as stream:
        stream.write(np.array([rows, depth], dtype="<u4").tobytes())
        for first, (found, scores) in nearest(asked.warehouse, queries, gallery, depth):
            for start, block in ((8, found.astype("<u4")), (8 + 4 * entries, scores)):
                stream.seek(start + 4 * first * depth)
                stream.write(np.ascontiguousarray(block).data)
            advance(len(found))


FORMAT = Format(
    name="fbin",
    summary="big-ann-benchmarks' files: .fbin, or .i8bin of codes.",
    about="A folder with texts.fbin and visuals.fbin (uint32 n, uint32 d, float32); for int8, int4 "
    "and b1 .i8bin, one code per byte, with the vectors' scales in .scales.fbin: a vector is code "
    "times scale. groundtruth.bin has each query's exact neighbours (uint32 n, uint32 k, rows, "
    "float32 similarities, as cmr scores them), pairs.csv which rows belong together, texts.csv "
    "and visuals.csv the ids.",
    examples=(
        "cmr export fbin --dataset coco --precision fp32 --out coco-fbin/",
        "cmr export fbin --dim 512 --precision int8 --top 10 --out coco-i8bin/",
    ),
    needs="representation",
    into="folder",
    write=write,
    parameters=(
        DIRECTION,
        Parameter("top", "Neighbours per query; 0 for the whole gallery.", kind=int, default=100),
    ),
    again="cmr ingest arrays --texts FOLDER/texts.fbin --visuals FOLDER/visuals.fbin "
    "--pairs FOLDER/pairs.csv --text-ids FOLDER/texts.csv --visual-ids FOLDER/visuals.csv "
    "--captions FOLDER/texts.csv",
)
