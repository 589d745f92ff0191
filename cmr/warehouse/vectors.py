"""Embedding sets: written in row groups, read back in blocks."""

from __future__ import annotations

import contextlib
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from itertools import accumulate, pairwise
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq

from cmr.errors import CmrError
from cmr.precision import precision_of
from cmr.represent.precisions import Encoded
from cmr.represent.product_codes import Codebook
from cmr.warehouse.catalogue_rows import recorded
from cmr.warehouse.codebooks import codebook_of
from cmr.warehouse.schemas import EMBEDDING_SETS, embeddings_schema
from cmr.warehouse.store import Store
from cmr.warehouse.verified import remedy

# Target for a row group: small enough to stream, large enough to read at full speed.
GROUP_BYTES = 8 * 2**20


def group_rows(dim: int, precision: str) -> int:
    """How many vectors make a row group."""
    return max(256, GROUP_BYTES // max(1, precision_of(precision).vector_bytes(dim)))


def to_table(first: int, ids: Sequence[str] | pa.Array, encoded: Encoded) -> pa.Table:
    """Encoded vectors as rows of `embeddings`, the first with ordinal `first`."""
    schema = embeddings_schema(encoded.dim, encoded.precision)
    ordinal = pa.array(np.arange(first, first + len(encoded)))
    names = pa.array(ids, pa.string())
    flat = np.ascontiguousarray(encoded.data).reshape(-1)
    if precision_of(encoded.precision).as_list:
        kind = schema.field("vector").type
        vector = pa.FixedSizeListArray.from_arrays(pa.array(flat), type=kind)
        return pa.Table.from_arrays([ordinal, names, vector], schema=schema)
    codes = pa.Array.from_buffers(
        schema.field("codes").type, len(encoded), [None, pa.py_buffer(flat.view(np.uint8))]
    )
    return pa.Table.from_arrays([ordinal, names, codes, pa.array(encoded.scales)], schema=schema)


def from_batch(batch: pa.RecordBatch, dim: int, precision: str) -> Encoded:
    """Rows of `embeddings` as arrays, without copying."""
    if precision_of(precision).as_list:
        values = batch.column("vector").flatten().to_numpy(zero_copy_only=False)
        ones = np.ones(batch.num_rows, dtype=np.float32)
        return Encoded(precision, dim, values.reshape(batch.num_rows, dim), ones)
    codes = batch.column("codes")
    width = codes.type.byte_width
    raw = np.frombuffer(codes.buffers()[1], dtype=np.uint8)
    data = raw[codes.offset * width : (codes.offset + len(codes)) * width].reshape(-1, width)
    return Encoded(precision, dim, data, batch.column("scale").to_numpy())


class StoredVectors:
    """One embedding set, named by its catalogue row, or a part of it; read group by group."""

    def __init__(
        self,
        warehouse: Store,
        row: dict[str, Any],
        part: tuple[int, int] | None = None,
        holding: npt.NDArray[np.int64] | None = None,
    ) -> None:
        """`row`: a row of `embedding_sets`. `part`: only this half-open range of ordinals.

        `holding`: only the row groups that contain one of these sorted ordinals. What is left out
        is not read; the rest keeps its ordinals.
        """
        self._warehouse, self._holding = warehouse, holding
        self._files: list[str] = [name for name in row["files"] if name.startswith("embeddings/")]
        self.dim, self.precision = int(row["dim"]), str(row["precision"])
        self._part = part or (0, int(row["rows"]))
        self.first, self.rows = self._part[0], self._part[1] - self._part[0]
        self.row = row

    @property
    def _columns(self) -> list[str]:
        return ["vector"] if precision_of(self.precision).as_list else ["codes", "scale"]

    def _batches(self) -> Iterator[tuple[int, Encoded]]:
        """The wanted stretches of vectors, each with its first ordinal."""
        first, last = self._part
        at = 0
        for name in self._files:
            with contextlib.ExitStack() as stack:
                storage = self._warehouse.storage
                stack.enter_context(self._blaming(name))
                files = [stack.enter_context(storage.parquet(name))]
                starts = _starts(files[0], at)
                groups = [g for g, (a, b) in enumerate(pairwise(starts)) if self._wanted(a, b)]
                if len(groups) > 1 and storage.is_local:
                    files.append(stack.enter_context(storage.parquet(name)))
                read = zip(groups, _read_ahead(files, groups, self._columns), strict=True)
                for group, table in read:
                    at = starts[group]
                    for batch in table.to_batches():
                        found = from_batch(batch, self.dim, self.precision)
                        cut = slice(max(0, first - at), max(0, last - at))
                        yield max(at, first), found.rows(cut)
                        at += len(found)
                at = starts[-1]
        if at != self.row["rows"]:
            raise CmrError(
                f"the embedding set {self.row['set_id']} has {at} vectors, its entry says "
                f"{self.row['rows']}"
            )

    @contextlib.contextmanager
    def _blaming(self, name: str) -> Iterator[None]:
        """Check a file's footer, as pages are checked when read; errors say what to do."""
        storage, mend = self._warehouse.storage, remedy(EMBEDDING_SETS, self.row)
        try:
            expected = recorded(self.row, "footers").get(name)
            if expected is not None and storage.footer(name) != expected:
                raise CmrError(f"{storage.path(name)} is damaged: its footer is not as written")
            yield
        except FileNotFoundError:
            raise CmrError(f"the warehouse lacks {storage.path(name)}; {mend}") from None
        except (CmrError, pa.ArrowException, OSError) as error:
            raise CmrError(f"{error}; {mend}") from None

    def _wanted(self, start: int, end: int) -> bool:
        if end <= self._part[0] or start >= self._part[1]:
            return False
        if self._holding is None:
            return True
        left, right = np.searchsorted(self._holding, [start, end])
        return bool(left < right)

    def blocks(self, rows: int) -> Iterator[tuple[int, Encoded]]:
        """Yield the vectors in order, at most `rows` at a time, with the first one's ordinal.

        Exactly `rows` except in the last block, unless groups are left out.
        """
        room: Room | None = None
        for at, part in self._batches():
            if room is not None and at != room.last:
                yield room.first, room.held()
                room = None
            while len(part):
                if room is None:
                    room = Room(at, min(rows, self._part[1] - at), part)
                taken = room.add(part)
                part, at = part.rows(slice(taken, None)), at + taken
                if room.is_full:
                    yield room.first, room.held()
                    room = None
        if room is not None:
            yield room.first, room.held()

    def codebook(self, of: dict[str, Any] | None = None) -> Codebook | None:
        """What the codes of this set name, or of another's row: None if they name nothing."""
        return codebook_of(self._warehouse, of or self.row)

    def all(self) -> Encoded:
        """All vectors at once."""
        return next(self.blocks(max(1, self.rows)))[1]


def _starts(file: pq.ParquetFile, first: int) -> list[int]:
    """The ordinal at which each row group begins, and the one after the last."""
    groups = range(file.num_row_groups)
    return list(accumulate((file.metadata.row_group(g).num_rows for g in groups), initial=first))


def _read_ahead(
    files: list[pq.ParquetFile], groups: list[int], columns: list[str]
) -> Iterator[pa.Table]:
    """Row groups in order, read in parallel by as many handles as were opened."""
    waiting: deque[Future[pa.Table]] = deque()
    with ThreadPoolExecutor(len(files)) as pool:
        for number, group in enumerate(groups):
            if len(waiting) == len(files):
                yield waiting.popleft().result().combine_chunks()
            # A handle serves one thread at a time, so its previous group has to be finished.
            file = files[number % len(files)]
            waiting.append(pool.submit(file.read_row_group, group, columns=columns))
        while waiting:
            yield waiting.popleft().result().combine_chunks()


class Room:
    """A block that is being read.

    Each stretch is copied when it arrives, while it is in the CPU cache, and its own memory is then
    free for the next. Arrow's memory is read-only, but torch needs writable memory.
    """

    def __init__(self, first: int, rows: int, like: Encoded) -> None:
        """`first`: the first vector's ordinal. `like`: vectors of the same kind."""
        self.first, self.last, self._size = first, first, rows
        self._data = np.empty((rows, like.data.shape[1]), dtype=like.data.dtype)
        self._scales = np.empty(rows, dtype=np.float32)
        self._kind = like.precision, like.dim

    @property
    def is_full(self) -> bool:
        """Whether the block is full."""
        return self.last - self.first == self._size

    def add(self, part: Encoded) -> int:
        """Copy as many vectors as there is room for; returns how many."""
        at = self.last - self.first
        taken = min(self._size - at, len(part))
        self._data[at : at + taken] = part.data[:taken]
        self._scales[at : at + taken] = part.scales[:taken]
        self.last += taken
        return taken

    def held(self) -> Encoded:
        """What has been read."""
        size = self.last - self.first
        return Encoded(*self._kind, self._data[:size], self._scales[:size])


def in_groups(
    ids: Sequence[str] | pa.Array, encoded: Iterable[tuple[int, Encoded]]
) -> Iterator[pa.Table]:
    """Tables of one row group each, from blocks of encoded vectors with their first ordinals.

    `ids`: of the first block's items and all that follow.
    """
    origin: int | None = None
    for first, part in encoded:
        origin = first if origin is None else origin
        step = group_rows(part.dim, part.precision)
        for start in range(0, len(part), step):
            rows = part.rows(slice(start, start + step))
            at = first + start
            yield to_table(at, ids[at - origin : at - origin + len(rows)], rows)
