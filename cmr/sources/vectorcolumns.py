"""Columns of vectors and of ids in Parquet files, read block by block."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.types as kinds

from cmr.errors import CmrError
from cmr.sources.collection import TEXT, VISUAL
from cmr.sources.labels import IDS
from cmr.sources.npyfile import at_most_float64
from cmr.sources.parquetbytes import open_parquet, refuse_twins
from cmr.sources.tables import known_column
from cmr.sources.user_files import is_file, join

Array = npt.NDArray[Any]
Blocks = Callable[[int], Iterator[Array]]
_VECTORS = ("vector", "embedding", "embeddings", "emb", "image_embedding", "text_embedding")
# What clip-retrieval's metadata call the items, and `cmr export clip-retrieval`.
_METADATA = {VISUAL: ("visual_id", "image_path"), TEXT: ("text_id",)}


@dataclass(frozen=True)
class VectorFile:
    """A matrix (rows, dim) in a file. `ids`: (rows,) strings, if the file names its rows.

    `blocks(n)`: its rows in order, at most n at a time. They raise CmrError if the file is cut off.
    """

    where: str
    dim: int
    rows: int
    blocks: Blocks
    ids: pa.Array | None = None


def as_floats(block: Array) -> Array:
    """Numbers of any type as floats that everything here supports."""
    return at_most_float64(block) if block.dtype.kind == "f" else block.astype(np.float32)


def as_ids(values: Sequence[Any], where: str) -> pa.Array:
    """Ids as strings. Raises CmrError for a cell that is none."""
    for row, value in enumerate(values):
        if isinstance(value, bool) or not isinstance(value, str | int) or value == "":
            raise CmrError(f"{where}: row {row} is {value!r:.60}, expected an id")
    return pa.array([str(value) for value in values], pa.string())


def without_vectors(path: str) -> bool:
    """Whether a Parquet file has no column of vectors, so that it is a table of something else."""
    if Path(path).suffix.lower() not in (".parquet", ".pq"):
        return False
    if not is_file(path):
        return False
    return not _vector_columns(open_parquet(path).schema_arrow)


def _vector_columns(schema: pa.Schema) -> list[str]:
    def listed(kind: pa.DataType) -> bool:
        several = kinds.is_list(kind) or kinds.is_large_list(kind) or kinds.is_fixed_size_list(kind)
        inside = kind.value_type if several else kind
        # A list of whole numbers of any length may be anything.
        return bool(several) and (
            kinds.is_floating(inside)
            or (kinds.is_fixed_size_list(kind) and kinds.is_integer(inside))
        )

    return [field.name for field in schema if listed(field.type)]


def of_parquet(path: str, side: str) -> VectorFile:
    """The column of vectors, times the column `scale` if there is one, and the column of ids."""
    file = open_parquet(path)
    names = _vector_columns(file.schema_arrow)
    every = file.schema_arrow.names
    column = names[0] if len(names) == 1 else known_column(names, _VECTORS)
    if column is None:
        what = f"several, {', '.join(names)}" if names else "none"
        raise CmrError(f"{path} must have one column of vectors and has {what}")
    known = known_column(every, IDS[side])
    scaled = "scale" in every
    refuse_twins(path, "columns", every, [column, *([known] if known else [])])
    if not file.metadata.num_rows:
        raise CmrError(f"{path} has no rows")

    def blocks(size: int) -> Iterator[Array]:
        columns = [column, *(["scale"] if scaled else [])]
        wide, row = 0, 0
        try:
            with open_parquet(path) as stream:
                for batch in stream.iter_batches(min(size, 65_536), columns=columns):
                    found = _matrix(f"{path}: {column}", batch.column(column), row)
                    wide = wide or found.shape[1]
                    if found.shape[1] != wide:
                        raise CmrError(f"{path}: {column} holds vectors of several lengths")
                    if scaled:
                        scale = batch.column("scale").to_numpy(zero_copy_only=False)
                        found = found * scale.reshape(-1, 1)
                    row += len(found)
                    yield found
        except (pa.ArrowException, OSError) as error:
            reason = str(error).splitlines()[0]
            raise CmrError(f"{path} is not a readable Parquet file: {reason}") from None

    first = next(blocks(1))
    ids = None
    if known is not None:
        cells = file.read(columns=[known]).column(0).to_pylist()
        ids = as_ids(cells, f"{path}: {known}")
    return VectorFile(path, first.shape[1], file.metadata.num_rows, blocks, ids)


def _matrix(where: str, lists: pa.Array, row: int) -> Array:
    """(rows, d) numbers of an Arrow column of lists; `row`: of the first, for errors."""
    if lists.null_count:
        raise CmrError(f"{where} has no vector in row {row + lists.is_null().index(True).as_py()}")
    values = lists.flatten()
    fixed = kinds.is_fixed_size_list(lists.type)
    if values.null_count or (not fixed and len(lists.value_lengths().unique()) != 1):
        raise CmrError(f"{where} does not hold vectors of one length, near row {row}")
    return as_floats(values.to_numpy(zero_copy_only=False).reshape(len(lists), -1))


def metadata_ids(folder: str, file: str, side: str) -> pa.Array | None:
    """The ids that clip-retrieval's metadata give the rows of a shard, if they give all."""
    stem = Path(file).stem
    path = join(join(folder, "metadata"), f"metadata_{stem.rpartition('_')[2]}.parquet")
    if not is_file(path):
        return None
    names = open_parquet(path).schema_arrow.names
    known = next((name for name in _METADATA[side] if name in names), None)
    if known is None:
        return None
    cells = open_parquet(path).read(columns=[known]).column(0).to_pylist()
    return as_ids(cells, f"{path}: {known}") if all(cells) else None
