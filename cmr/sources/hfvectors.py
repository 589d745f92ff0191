"""Output of `cmr export hf`: items with vectors in `texts` and `visuals`, judgments in `qrels`."""

from __future__ import annotations

from glob import escape
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from cmr.errors import CmrError
from cmr.sources.collection import TEXT, VISUAL, Collection, Item, Judgment
from cmr.sources.parquetbytes import refuse_twins, table_of
from cmr.sources.user_files import join, matching

_FOLDERS = {TEXT: "texts", VISUAL: "visuals"}
_QRELS = "qrels"
_TOLD = ("item_id", "text", "uri", "split", "width", "height", "duration")


def is_exported(folder: str) -> bool:
    """Whether the folder has this layout."""
    return all((Path(folder) / name).is_dir() for name in (*_FOLDERS.values(), _QRELS))


def read_exported(
    folder: str, split: str, image_vectors: str, text_vectors: str, limit: int | None
) -> Collection:
    """Items, vectors (codes times their scale) and judgments, as they were exported.

    `split`: the prefix of the files' names. `limit`: only the first N visuals, and the texts
    relevant to them. Raises CmrError naming the file at fault.
    """
    items, vectors = {}, {}
    for side, column in ((TEXT, text_vectors), (VISUAL, image_vectors)):
        table = _table(folder, _FOLDERS[side], split, ("item_id", column))
        told = table.select([name for name in _TOLD if name in table.column_names])
        items[side] = [Item(**row) for row in told.to_pylist()]
        vectors[side] = _matrix(f"{folder}/{_FOLDERS[side]}", table, column)
    text, visual = vectors[TEXT], vectors[VISUAL]
    if text.shape[1] != visual.shape[1]:
        raise CmrError(
            f"{folder}: the vectors of texts have {text.shape[1]} dimensions, those of visuals "
            f"{visual.shape[1]}"
        )
    rows = _table(folder, _QRELS, split, ("text_id", "visual_id", "relevance"))
    columns = ("text_id", "visual_id", "relevance")
    judgments = [
        Judgment(*row) for row in zip(*(rows[name].to_pylist() for name in columns), strict=True)
    ]
    if limit is not None and limit < len(visual):
        items[VISUAL], visual = items[VISUAL][:limit], visual[:limit]
        kept = {item.item_id for item in items[VISUAL]}
        judgments = [row for row in judgments if row.visual_id in kept]
        asking = {row.text_id for row in judgments}
        places = [row for row, item in enumerate(items[TEXT]) if item.item_id in asking]
        items[TEXT], text = [items[TEXT][row] for row in places], text[places]
    return Collection(
        "hf",
        items[TEXT],
        items[VISUAL],
        judgments,
        {
            "folder": Path(folder).name, "split": split or None, "limit": limit,
            "image_vectors": image_vectors, "text_vectors": text_vectors,
        },
        vectors={(TEXT, text.shape[1]): text, (VISUAL, text.shape[1]): visual},
    )  # fmt: skip


def _table(folder: str, name: str, split: str, needed: tuple[str, ...]) -> pa.Table:
    paths = matching(join(join(escape(folder), name), f"{escape(split)}*.parquet"))
    if not paths:
        raise CmrError(f"{folder}/{name} has no Parquet file{split and f' of the split {split!r}'}")
    tables = [table_of(path, needed) for path in paths]
    for path, table in zip(paths, tables, strict=True):
        refuse_twins(path, "columns", table.column_names, (*_TOLD, "scale"))
    try:
        return pa.concat_tables(tables)
    except pa.ArrowException as error:
        reason = str(error).splitlines()[0]
        raise CmrError(f"{folder}/{name}: its files differ in their columns: {reason}") from None


def _matrix(where: str, table: pa.Table, column: str) -> npt.NDArray[Any]:
    """(rows, d) floats. Raises CmrError for lists of different lengths, or with NULLs."""
    lists = table[column].combine_chunks()
    kind = lists.type
    fixed = pa.types.is_fixed_size_list(kind)
    listed = fixed or pa.types.is_list(kind) or pa.types.is_large_list(kind)
    inside = kind.value_type if listed else kind
    numbers = pa.types.is_floating(inside) or pa.types.is_integer(inside)
    if not listed or not numbers or not len(lists) or lists.null_count:
        raise CmrError(f"{where}: {column} holds no vectors")
    values = lists.flatten()
    if values.null_count or (not fixed and len(lists.value_lengths().unique()) != 1):
        raise CmrError(f"{where}: {column} does not hold vectors of one length")
    found: npt.NDArray[Any] = values.to_numpy(zero_copy_only=False).reshape(len(lists), -1)
    if found.dtype.kind != "f":
        found = found.astype(np.float32)
    if "scale" in table.column_names:
        found = found * table["scale"].to_numpy().reshape(-1, 1)
    return found
