"""A stored set of vectors as Arrow, NumPy and torch, all over the same memory."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from cmr.errors import CmrError
from cmr.precision import INTEGER, precision_of
from cmr.represent.precisions import Encoded, decode, to_integers
from cmr.represent.quantizer_kinds import ABSMAX
from cmr.represent.unit_vectors import Floats
from cmr.warehouse.store import Store
from cmr.warehouse.vectors import StoredVectors, from_batch

if TYPE_CHECKING:
    import torch


class Embeddings:
    """One model's vectors of one side of a data set at one dimension and precision.

    The vectors are read once, on first use. `arrow`, `numpy`, `torch` and `scales` share that
    memory, which must not be written to; `floats` decodes.
    """

    def __init__(self, store: Store, row: dict[str, Any]) -> None:
        """`row`: the set's row of `embedding_sets`."""
        self._store = store
        self.row = row
        self.dataset, self.model = str(row["dataset"]), str(row["model"])
        self.modality, self.dim = str(row["modality"]), int(row["dim"])
        self.dim_method, self.precision = str(row["dim_method"]), str(row["precision"])
        self.set_id = str(row["set_id"])

    def __len__(self) -> int:
        return int(self.row["rows"])

    def __repr__(self) -> str:
        return (
            f"<{len(self):,} {self.modality} vectors of {self.dataset} by {self.model}: "
            f"{self.dim} {self.dim_method} {self.precision}>"
        )

    @cached_property
    def _table(self) -> pa.Table:
        files = [name for name in self.row["files"] if name.startswith("embeddings/")]
        table = pa.concat_tables([self._store.storage.read(name) for name in files])
        if table.num_rows != len(self):
            raise CmrError(
                f"the embedding set {self.set_id} has {table.num_rows} vectors, its entry says "
                f"{len(self)}"
            )
        # Arrow reads a file as one chunk, so with one file this copies nothing.
        return table.combine_chunks()

    @cached_property
    def ids(self) -> list[str]:
        """Item ids, in the order of the vectors."""
        names: list[str] = self._table["item_id"].to_pylist()
        return names

    def arrow(self) -> pa.Table:
        """Columns ordinal, item_id, and vector, or codes and scale, as they are stored."""
        return self._table

    def numpy(self) -> npt.NDArray[Any]:
        """The stored numbers, read-only, in Arrow's own memory.

        (n, dim) float32, float16 and int8 for fp32, fp16 and int8; uint16 for bf16, the upper
        half of a float32; uint8 for fp8, the format's own bits. (n, bytes) uint8 for int4, two per
        byte with the even dimension in the low half, and for b1, with the first dimension in the
        highest bit.
        """
        flat = self._flat()
        return np.asarray(flat.to_numpy(zero_copy_only=True)).reshape(len(self), -1)

    def torch(self) -> torch.Tensor:
        """The same numbers as a CPU tensor over the same memory; bf16 as torch.bfloat16."""
        import torch
        from torch.utils.dlpack import from_dlpack

        tensor: torch.Tensor = from_dlpack(self._flat()).reshape(len(self), -1)
        held = precision_of(self.precision).held
        return tensor if held is None else tensor.view(getattr(torch, held))

    @property
    def scales(self) -> Floats:
        """(n,) float32, read-only: each vector's scale; ones for precisions without codes."""
        return self.encoded().scales

    def floats(self) -> Floats:
        """(n, dim) float32, decoded; for fp32 the same array as `numpy`.

        For the quantizer rotated these are the rotated vectors, which keep the dot products of both
        sides; for b1 codes with a centre (centred, median), directions from the centre.
        """
        if self.row["quantizer"] not in (None, ABSMAX):
            from cmr.represent.coded_sets import from_row
            from cmr.warehouse.codebooks import codebook_of

            coded = from_row(self.row, codebook_of(self._store, self.row))
            return coded.decode(self.encoded())
        return decode(self.encoded())

    def integers(self) -> npt.NDArray[np.int8]:
        """(n, dim) int8: the codes that int8, int4 and b1 are scored with, one per value.

        b1 gives -1 and 1. Raises CmrError for precisions without integer codes.
        """
        if self.precision not in INTEGER:
            raise CmrError(
                f"{self.precision} has no integer codes; only {', '.join(INTEGER)} have them"
            )
        return to_integers(self.encoded())

    def encoded(self) -> Encoded:
        """All vectors in the form that the scorers take, over the same memory."""
        batches = self._table.to_batches(max_chunksize=max(1, len(self)))
        return from_batch(batches[0], self.dim, self.precision)

    def blocks(self, rows: int) -> Iterator[tuple[int, Encoded]]:
        """(first ordinal, vectors), `rows` at a time, copied, without holding the whole set."""
        return StoredVectors(self._store, self.row).blocks(rows)

    def batches(self, rows: int = 65_536) -> Iterator[pa.RecordBatch]:
        """The rows of `arrow`, at most `rows` at a time, without holding the whole set."""
        names = [name for name in self.row["files"] if name.startswith("embeddings/")]
        self._store.check(self.row, names)
        for name in names:
            with self._store.storage.parquet(name) as file:
                yield from file.iter_batches(batch_size=rows)

    def _flat(self) -> pa.Array:
        """The stored numbers as one plain Arrow array over the column's buffer."""
        row = precision_of(self.precision)
        if row.as_list:
            return _whole(self._table["vector"]).flatten()
        kind = pa.from_numpy_dtype(row.stored)
        codes = _whole(self._table["codes"])
        width = codes.type.byte_width * 8 // kind.bit_width
        buffers = [None, codes.buffers()[1]]
        return pa.Array.from_buffers(kind, len(codes) * width, buffers, 0, codes.offset * width)


def _whole(column: pa.ChunkedArray) -> pa.Array:
    return column.chunk(0) if column.num_chunks == 1 else column.combine_chunks()
