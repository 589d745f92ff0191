"""clip-retrieval folders: shards of image and text vectors, aligned by row."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from cmr.errors import CmrError
from cmr.sources.captions import captions_of
from cmr.sources.collection import TEXT, VISUAL, Collection, Item, Judgment
from cmr.sources.npyfile import load_npy
from cmr.sources.parquetbytes import cells, refuse_twins, table_of
from cmr.sources.phrases import counted
from cmr.sources.source import Parameter, Source

Array = npt.NDArray[Any]
# A picture's vector is rounded differently in each batch.
_ROUNDED = 0.01
_FOLDERS = {VISUAL: "img_emb", TEXT: "text_emb"}


@dataclass(frozen=True)
class _Metadata:
    """What the metadata say about each row; None where they say nothing."""

    texts: list[str | None]
    visuals: list[str | None]
    uris: list[str | None]
    captions: list[str | None]
    relevance: list[int]
    path: str


def read_clip_retrieval(folder: str) -> Collection:
    """Read `img_emb/img_emb_{i}.npy`, `text_emb/…` likewise, `metadata/metadata_{i}.parquet`.

    The files of a shard have names with the same number at the end, padded or not. Row r of both
    sides is a pair. Rows with the same `image_path` are one visual with several captions, and must
    have the same vector. Without a metadata folder every row is a separate pair. `visual_id`,
    `text_id` and `relevance`, which `cmr export` writes, take precedence over the path and the row
    number. Raises CmrError naming the file at fault, or the missing one.
    """
    root = Path(folder)
    if not root.is_dir():
        raise CmrError(f"there is no folder {folder}")
    sides: dict[str, list[Array]] = {TEXT: [], VISUAL: []}
    rows: list[_Metadata] = []
    for shard in _shards(root):
        paths = {side: root / name / f"{name}_{shard}.npy" for side, name in _FOLDERS.items()}
        arrays = {side: load_npy(str(path)) for side, path in paths.items()}
        count = len(arrays[TEXT])
        if len(arrays[VISUAL]) != count:
            raise CmrError(
                f"{paths[VISUAL]} has {counted(len(arrays[VISUAL]), 'row')} and {paths[TEXT]} "
                f"{count}: they are aligned by row"
            )
        for side, array in arrays.items():
            sides[side].append(array)
        rows.append(_metadata(root / "metadata", shard, count, paths[TEXT]))
    return _collection(folder, sides, rows)


def _collection(folder: str, sides: dict[str, list[Array]], rows: list[_Metadata]) -> Collection:
    widths = {side: {array.shape[1] for array in arrays} for side, arrays in sides.items()}
    if widths[TEXT] != widths[VISUAL] or len(widths[TEXT]) != 1:
        raise CmrError(f"{folder}: the vectors have dimensions {widths}, expected one")
    text, visual = (np.concatenate(sides[side]) for side in (TEXT, VISUAL))
    of = {
        name: [value for part in rows for value in getattr(part, name)]
        for name in ("texts", "visuals", "uris", "captions", "relevance")
    }
    names = {side: _names(folder, of[key]) for side, key in ((TEXT, "texts"), (VISUAL, "visuals"))}
    first = {side: _first_rows(found) for side, found in names.items()}
    for side, array in ((TEXT, text), (VISUAL, visual)):
        _refuse_two(rows, side, array, names[side], first[side])
    dim = text.shape[1]
    return Collection(
        source="clip-retrieval",
        texts=[Item(name, text=of["captions"][row]) for name, row in first[TEXT].items()],
        visuals=[Item(name, uri=of["uris"][row]) for name, row in first[VISUAL].items()],
        judgments=[
            Judgment(*row) for row in zip(names[TEXT], names[VISUAL], of["relevance"], strict=True)
        ],
        settings={"folder": Path(folder).name},
        vectors={
            (TEXT, dim): text[list(first[TEXT].values())],
            (VISUAL, dim): visual[list(first[VISUAL].values())],
        },
    )


def _names(folder: str, told: list[str | None]) -> list[str]:
    """The ids of the rows' items: row numbers if nothing else is given."""
    taken = {name for name in told if name is not None}
    names = []
    for row, name in enumerate(told):
        if name is None and str(row) in taken:
            raise CmrError(f"{folder}: row {row} has no name, and another row's is {str(row)!r}")
        names.append(str(row) if name is None else name)
    return names


def _refuse_two(
    rows: list[_Metadata], side: str, array: Array, names: list[str], first: dict[str, int]
) -> None:
    """Raise CmrError, naming both rows, if one item has two vectors."""
    ends = np.cumsum([len(part.visuals) for part in rows])

    def where(row: int) -> str:
        part = int(np.searchsorted(ends, row, side="right"))
        return f"{rows[part].path}: row {row - (int(ends[part - 1]) if part else 0)}"

    for row, name in enumerate(names):
        before = first[name]
        one, other = array[before].astype(np.float64), array[row].astype(np.float64)
        if before != row and np.linalg.norm(one - other) > _ROUNDED * np.linalg.norm(one):
            raise CmrError(
                f"{where(row)} has the {side} {name!r} of {where(before)} with a different vector"
            )


def _first_rows(names: list[str]) -> dict[str, int]:
    first: dict[str, int] = {}
    for row, name in enumerate(names):
        first.setdefault(name, row)
    return first


def _shards(root: Path) -> list[str]:
    """The endings of the shards' files, by number. Raises CmrError if one has no counterpart."""
    found = {side: _endings(root / name, f"{name}_", ".npy") for side, name in _FOLDERS.items()}
    for side, name in _FOLDERS.items():
        if not found[side]:
            raise CmrError(f"{root} has no {name}/{name}_0.npy of clip-retrieval's layout")
    told = root / "metadata"
    companions = [(f"{name}/{name}_", ".npy", found[side]) for side, name in _FOLDERS.items()]
    if os.path.lexists(told):
        companions.append(
            ("metadata/metadata_", ".parquet", _endings(told, "metadata_", ".parquet"))
        )
    every = set().union(*(shards for _, _, shards in companions))
    for shard in sorted(every, key=_number):
        there = [f"{name}{shard}{ending}" for name, ending, shards in companions if shard in shards]
        for name, ending, shards in companions:
            if shard not in shards:
                raise CmrError(f"{root} has {there[0]} and lacks {name}{shard}{ending}")
    return sorted(every, key=_number)


def _endings(folder: Path, begin: str, end: str) -> set[str]:
    return {path.name[len(begin) : -len(end)] for path in folder.glob(f"{begin}*{end}")}


def _number(ending: str) -> tuple[list[object], str]:
    """Numbers by value, padded or not."""
    parts = re.split(r"(\d+)", ending)
    return [int(part) if place % 2 else part for place, part in enumerate(parts)], ending


def _metadata(folder: Path, shard: str, rows: int, beside: Path) -> _Metadata:
    """The metadata of each row; empty if there are none."""
    nothing: list[Any] = [None] * rows
    if not os.path.lexists(folder):
        return _Metadata(nothing, nothing, nothing, nothing, [1] * rows, str(beside))
    path = folder / f"metadata_{shard}.parquet"
    told_of = ("image_path", "text_id", "visual_id", "uri", "caption", "relevance")
    table = table_of(str(path), ())
    refuse_twins(str(path), "columns", table.column_names, told_of)
    if table.num_rows != rows:
        raise CmrError(
            f"{path} has {counted(table.num_rows, 'row')} and {beside} {rows}: they are aligned"
        )
    told: dict[str, list[Any]] = {
        name: cells(str(path), name, table[name]) if name in table.column_names else nothing
        for name in ("image_path", "text_id", "visual_id", "uri", "caption")
    }
    paths, texts, visuals, uris = (
        [None if value is None or not str(value).strip() else str(value) for value in told[name]]
        for name in ("image_path", "text_id", "visual_id", "uri")
    )
    ours = "visual_id" in table.column_names and "text_id" in table.column_names
    grades = None
    if ours and "relevance" in table.column_names:
        grades = cells(str(path), "relevance", table["relevance"])
    if grades and not all(isinstance(grade, int) and grade >= 1 for grade in grades):
        raise CmrError(f"{path}: relevance must hold only whole numbers from 1")
    return _Metadata(
        texts if ours else nothing,
        visuals if ours else paths,
        uris if ours else paths,
        [
            value if ours else _caption(f"{path}: row {row}", value)
            for row, value in enumerate(told["caption"])
        ],
        grades or [1] * rows,
        str(path),
    )


def _caption(where: str, value: Any) -> str | None:
    """The single caption of a row, which has one vector; None if there is none."""
    found = captions_of(value, where)
    if len(found) > 1:
        raise CmrError(f"{where} has {len(found)} captions, but one text vector")
    return None if found[0].fault else found[0].text


SOURCE = Source(
    name="clip-retrieval",
    summary="clip-retrieval's folders of vectors.",
    about="FOLDER holds img_emb/img_emb_0.npy, text_emb/text_emb_0.npy and, optionally, "
    "metadata/metadata_0.parquet, aligned by row, in any number of shards.",
    examples=("cmr ingest clip-retrieval embeddings/ --model-name ViT-B-32",),
    parameters=(Parameter("folder", argument=True, required=True, path=True),),
    read=read_clip_retrieval,
    media=False,
    named_by="folder",
)
