"""Files of vectors alone, without judgments, read block by block: what distractors come in.

One side's matrix per dimension: `.npy`, `.fbin`, `.u8bin`, `.i8bin`, `.npz` in the published
layout, Parquet with a column of vectors, a folder of such files, and clip-retrieval's folders.
"""

from __future__ import annotations

import re
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import IO, Any

import numpy as np
import pyarrow as pa

from cmr.errors import CmrError
from cmr.sources.collection import TEXT, VISUAL
from cmr.sources.npyfile import BINS, HEADERS
from cmr.sources.parquetbytes import refuse_twins
from cmr.sources.phrases import counted
from cmr.sources.user_files import is_file, is_folder, is_url, join, matching, no_file, open_file
from cmr.sources.vectorcolumns import (
    Array,
    Blocks,
    VectorFile,
    as_floats,
    as_ids,
    metadata_ids,
    of_parquet,
    without_vectors,
)

ENDINGS = (".npy", *BINS, ".npz", ".parquet", ".pq")
_KEYS = {TEXT: "text", VISUAL: "video"}
_NPZ_IDS = {TEXT: "ids_text", VISUAL: "ids_video"}
_CLIP_RETRIEVAL = {TEXT: "text_emb", VISUAL: "img_emb"}


def is_vectors(path: str) -> bool:
    """Whether a source is of vectors rather than of pictures or captions, by its name and files."""
    if is_folder(path):
        return bool(_inside(path, VISUAL) or _inside(path, TEXT))
    return path.lower().endswith(ENDINGS) and not without_vectors(path)


def vector_files(path: str, side: str) -> dict[int, list[VectorFile]]:
    """The matrices of one side that a file or folder holds, by dimension, in order.

    Raises CmrError, naming the file, for what is missing, damaged or not a matrix of numbers.
    Nothing is unpickled.
    """
    if not is_folder(path):
        return {dim: [one] for dim, one in _of_file(path, side).items()}
    inside = _inside(path, side)
    if not inside:
        raise CmrError(f"{path} has no files of {side} vectors")
    found: dict[int, list[VectorFile]] = {}
    for name in inside:
        for dim, one in _of_file(name, side).items():
            ids = one.ids if one.ids is not None else metadata_ids(path, name, side)
            named = replace(one, ids=_as_many(ids, one))
            found.setdefault(dim, []).append(named)
    if any(len(files) != len(inside) for files in found.values()):
        raise CmrError(f"{path}: its files have different dimensions, {sorted(found)}")
    return found


def _inside(folder: str, side: str) -> list[str]:
    """The files of one side's vectors in a folder: clip-retrieval's shards, or all that can be."""
    shards = matching(join(join(folder, _CLIP_RETRIEVAL[side]), "*.npy"))
    own = [name for ending in ENDINGS for name in matching(join(folder, f"*{ending}"))]
    files = shards or [name for name in own if not without_vectors(name)]
    return sorted(files, key=_numbered)


def _numbered(name: str) -> list[Any]:
    """Numbers by value, padded or not."""
    return [int(part) if at % 2 else part for at, part in enumerate(re.split(r"(\d+)", name))]


def _of_file(path: str, side: str) -> dict[int, VectorFile]:
    if not is_file(path):
        raise no_file(path)
    ending = Path(path).suffix.lower()
    if ending == ".npz":
        return _npz(path, side)
    if ending in (".parquet", ".pq"):
        one = of_parquet(path, side)
    elif ending in BINS:
        one = _bin(path, ending)
    else:
        one = _npy(path, lambda: open_file(path), path)
    return {one.dim: one}


def _bin(path: str, ending: str) -> VectorFile:
    """big-ann-benchmarks: uint32 rows, uint32 dimensions, then the numbers."""
    with open_file(path) as stream:
        head = np.frombuffer(stream.read(8), dtype="<u4")
    if len(head) != 2 or not head.all():
        raise CmrError(f"{path} is cut off: it lacks its header, rows and dimensions")
    rows, dim = map(int, head)
    return VectorFile(
        path, dim, rows, _raw(path, lambda: open_file(path), 8, (rows, dim), np.dtype(BINS[ending]))
    )


def _npy(where: str, opened: Callable[[], IO[bytes]], path: str) -> VectorFile:
    """A .npy file, or one inside an .npz; `where`: as errors name it."""
    try:
        with opened() as stream:
            version = np.lib.format.read_magic(stream)
            head = (
                np.lib.format.read_array_header_1_0
                if version == (1, 0)
                else np.lib.format.read_array_header_2_0
            )
            shape, by_column, kind = head(stream)
            start = stream.tell()
    except (OSError, EOFError, ValueError, zipfile.BadZipFile, *HEADERS) as error:
        raise CmrError(f"{where} is not a readable .npy file: {error}") from None
    if kind.hasobject:
        raise CmrError(f"{where} holds pickled objects, which are never loaded")
    if len(shape) != 2 or not all(shape):
        raise CmrError(f"{where} has shape {shape}, expected (rows, dimensions)")
    if kind.kind not in "fiu":
        raise CmrError(f"{where} has type {kind}, expected numbers")
    if by_column and shape[1] > 1 and shape[0] > 1:
        raise CmrError(f"{where} is stored column by column; save it with np.ascontiguousarray")
    return VectorFile(where, int(shape[1]), int(shape[0]), _raw(where, opened, start, shape, kind))


def _raw(
    where: str,
    opened: Callable[[], IO[bytes]],
    start: int,
    shape: tuple[int, ...],
    kind: np.dtype[Any],
) -> Blocks:
    rows, dim = shape

    def blocks(size: int) -> Iterator[Array]:
        wide = dim * kind.itemsize
        try:
            with opened() as stream:
                stream.seek(start)
                for first in range(0, rows, size):
                    need = min(size, rows - first) * wide
                    data = _exactly(stream, need)
                    if len(data) != need:
                        raise CmrError(
                            f"{where} is cut off: it ends within row {first + len(data) // wide}"
                        )
                    yield as_floats(np.frombuffer(data, dtype=kind).reshape(-1, dim))
        except (OSError, EOFError, zipfile.BadZipFile, *HEADERS) as error:
            raise CmrError(f"{where} cannot be read: {error}") from None

    return blocks


def _exactly(stream: IO[bytes], need: int) -> bytes:
    """As many bytes, or fewer at the end; a stream may return less than it is asked for."""
    parts, left = [], need
    while left and (data := stream.read(left)):
        parts.append(data)
        left -= len(data)
    return parts[0] if len(parts) == 1 else b"".join(parts)


def _npz(path: str, side: str) -> dict[int, VectorFile]:
    """`text_<d>` or `video_<d>` of the published layout; nothing else is read but the ids."""
    try:
        with zipfile.ZipFile(open_file(path)) as archive:
            names = archive.namelist()
    except (OSError, zipfile.BadZipFile, NotImplementedError, ValueError) as error:
        raise CmrError(f"{path} is not a readable .npz file: {error}") from None

    def opened(name: str) -> IO[bytes]:
        # The member keeps the archive open.
        return zipfile.ZipFile(open_file(path)).open(name)

    wanted = re.compile(rf"{_KEYS[side]}_([1-9][0-9]*)\.npy")
    keys = [(name, int(match[1])) for name in names if (match := wanted.fullmatch(name))]
    refuse_twins(path, "arrays", names, [name for name, _ in keys])
    if not keys:
        have = ", ".join(name.removesuffix(".npy") for name in sorted(names)) or "nothing"
        raise CmrError(f"{path} lacks {_KEYS[side]}_<d>, the {side} vectors; it has {have}")
    found = {}
    for name, dim in keys:
        key = name.removesuffix(".npy")
        one = _npy(f"{path}: {key}", lambda name=name: opened(name), path)  # type: ignore[misc]
        if one.dim != dim:
            raise CmrError(f"{path}: {key} has {one.dim} dimensions")
        found[dim] = one
    ids = None
    if f"{_NPZ_IDS[side]}.npy" in names:
        where = f"{path}: {_NPZ_IDS[side]}"
        try:
            with np.load(path, allow_pickle=False) as whole:
                ids = as_ids(whole[_NPZ_IDS[side]].tolist(), where)
        except (ValueError, OSError, EOFError, *HEADERS) as error:
            raise CmrError(f"{where} cannot be read: {error}") from None
    return {dim: replace(one, ids=_as_many(ids, one)) for dim, one in found.items()}


def _as_many(ids: pa.Array | None, one: VectorFile) -> pa.Array | None:
    if ids is not None and len(ids) != one.rows:
        raise CmrError(
            f"{one.where} has {counted(one.rows, 'row')} and the file {counted(len(ids), 'id')}"
        )
    return ids


def told_where(path: str) -> str:
    """A source's name in the record of where a data set came from: without its folders."""
    return path if is_url(path) else Path(path).name
