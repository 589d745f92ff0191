"""From a model's vector of something new to the queries of a stored representation."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
import pyarrow as pa

from cmr.errors import CmrError
from cmr.pipeline.derive import Deriver
from cmr.pipeline.fits import Wanted
from cmr.represent import dims
from cmr.represent.coded_sets import from_row
from cmr.represent.precisions import Encoded
from cmr.represent.quantizer_kinds import ABSMAX
from cmr.represent.quantizers import Quantizer
from cmr.represent.unit_vectors import Floats
from cmr.rows import Row
from cmr.warehouse.codebooks import codebook_of
from cmr.warehouse.store import Store
from cmr.warehouse.vectors import StoredVectors

# Stored vectors that are coded again, to see that the codes are theirs, and how alike they must be:
# a value on the border of two codes may fall to either side on another processor.
CHECKED, ALIKE = 8, 0.99


class QueryCoding:
    """Codes new vectors as a data set's stored ones were."""

    def __init__(self, warehouse: Store, data: Row, ids: dict[str, pa.Array]) -> None:
        """`data`: the row of `datasets`. `ids`: item ids by side."""
        self._warehouse, self._data, self._ids = warehouse, data, ids
        self._how = lru_cache(maxsize=64)(self._read)
        self._rows: dict[str, Row] = {}

    def coded(self, vector: Floats, row: Row) -> Encoded:
        """A unit vector (1, native) in the form of a stored set, whose row is `row`.

        Raises CmrError if the set's own vectors are not made again in this way.
        """
        self._rows[row["set_id"]] = row
        matrix, quantizer = self._how(row["set_id"])
        return _encode(vector, row, matrix, quantizer)

    def _read(self, set_id: str) -> tuple[Floats | None, Quantizer]:
        row = self._rows[set_id]
        wanted = Wanted(row["dim"], row["dim_method"], row["precision"], row["quantizer"] or ABSMAX)
        elsewhere = row["fit_on"] not in (None, self._data["dataset"])
        deriver = Deriver(
            self._warehouse, self._data, row["model"], self._ids, stored_only=True,
            fit_on=row["fit_on"] if elsewhere else None,
        )  # fmt: skip
        matrix = deriver.matrix(wanted, row["seed"] or 0)
        quantizer = from_row(row, codebook_of(self._warehouse, row))
        self._check(row, deriver.native_row(row["modality"], wanted), matrix, quantizer)
        return matrix, quantizer

    def _check(self, row: Row, native: Row, matrix: Floats | None, quantizer: Quantizer) -> None:
        """Code a few stored native vectors again, and compare."""
        part = (0, min(CHECKED, int(row["rows"])))
        before = StoredVectors(self._warehouse, native, part).all()
        again = _encode(np.asarray(before.data, dtype=np.float32), row, matrix, quantizer)
        stored = StoredVectors(self._warehouse, row, part).all()
        if _cosines(quantizer.decode(again), quantizer.decode(stored)).min(initial=1.0) < ALIKE:
            raise CmrError(
                f"{row['dim']} {row['dim_method']} {row['precision']}: what the stored vectors "
                "were made by cannot be made again here, so that only stored items can be searched "
                "with"
            )


def _encode(vectors: Floats, row: Row, matrix: Floats | None, quantizer: Quantizer) -> Encoded:
    names = list(range(len(vectors)))
    changed = dims.apply(vectors, row["dim"], matrix, names, "query")
    return quantizer.encode(changed, row["precision"])


def _cosines(one: Floats, other: Floats) -> Floats:
    lengths = np.linalg.norm(one, axis=1) * np.linalg.norm(other, axis=1)
    return np.asarray(np.einsum("ij,ij->i", one, other) / np.maximum(lengths, 1e-30))
