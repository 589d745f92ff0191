"""Representations: every dimension and precision that is asked for, derived once and reused."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from cmr.errors import CmrError
from cmr.pipeline.sets import ensure_set
from cmr.represent import dims
from cmr.represent.precisions import check_precision, encode
from cmr.represent.vectors import Floats
from cmr.sources.collection import TEXT, VISUAL
from cmr.warehouse.current import current_sets
from cmr.warehouse.store import Warehouse
from cmr.warehouse.vectors import StoredVectors, group_rows, in_groups

SIDES = (TEXT, VISUAL)
Row = dict[str, Any]


@dataclass(frozen=True)
class Representation:
    """One stored form of a model's vectors; `text` and `visual` are their catalogue rows."""

    dim: int
    dim_method: str
    precision: str
    text: Row
    visual: Row

    def __str__(self) -> str:
        """As people write it."""
        return f"{self.dim} {self.dim_method} {self.precision}"


class Deriver:
    """Derives representations of one model's vectors on one data set."""

    def __init__(
        self, warehouse: Warehouse, data: Row, model: str, ids: dict[str, pa.Array]
    ) -> None:
        """`data`: row of `datasets`. `ids`: the item ids of both sides.

        Raises CmrError if there are no such vectors.
        """
        dataset = data["dataset"]
        self._warehouse, self._data, self.model, self._ids = warehouse, data, model, ids
        self._native: dict[tuple[str, int], Row] = {}
        for row in current_sets(warehouse):
            if (
                (row["dataset"], row["model"]) == (dataset, model)
                and row["dim_method"] == "native"
                and row["parent"] is None
            ):
                self._native[row["modality"], row["dim"]] = row
        given = [{dim for side, dim in self._native if side == which} for which in SIDES]
        self.native_dims = sorted(given[0] & given[1])
        if not self.native_dims:
            raise CmrError(f"the warehouse has no vectors of {dataset!r} by the model {model!r}")
        self._moments: list[npt.NDArray[np.float64]] = []

    def plan(
        self, wanted: Sequence[int], methods: Sequence[str], precisions: Sequence[str]
    ) -> list[tuple[int, str, str]]:
        """The (dim, dim_method, precision) that a request means; an empty one is `native` fp32.

        Raises CmrError for a precision or method that does not exist.
        """
        for method in methods:
            if method not in dims.METHODS:
                raise CmrError(
                    f"unknown dimension method {method!r}; there are {', '.join(dims.METHODS)}"
                )
        return [
            (dim, method, check_precision(precision))
            for dim in wanted
            for method in dims.methods_for(dim, self.native_dims, methods)
            for precision in precisions
        ]

    def derive(self, dim: int, method: str, precision: str, seed: int) -> Representation:
        """The stored representation, made from the native vectors if it is not there yet."""
        source = dim if method == "native" else self.native_dims[-1]
        if method == "native" and precision == "fp32":
            text, visual = (self._native[side, source] for side in SIDES)
            return Representation(dim, method, precision, text, visual)
        text, visual = (self._derive_side(s, source, dim, method, precision, seed) for s in SIDES)
        return Representation(dim, method, precision, text, visual)

    def _derive_side(
        self, side: str, source: int, dim: int, method: str, precision: str, seed: int
    ) -> Row:
        parents = [self._native[which, source]["set_id"] for which in SIDES]
        native = self._native[side, source]
        keys = {
            "dataset": self._data["dataset"],
            "model": self.model,
            "modality": side,
            "dim": dim,
            "dim_method": method,
            "precision": precision,
        }
        # A basis of principal directions comes from both sides, so both are its parents.
        parent = "+".join(parents) if method == "pca" else native["set_id"]

        def make() -> Iterator[pa.Table]:
            moments = self._second_moments(source) if method == "pca" else []
            matrix = dims.projection(method, source, dim, seed, moments)
            ids = self._ids[side]
            step = group_rows(dim, precision)
            for first, block in StoredVectors(self._warehouse, native).blocks(step):
                names = ids[first : first + len(block)]
                what = f"{side} item (cut to {dim} dimensions)"
                floats: Floats = np.asarray(block.data, dtype=np.float32)
                changed = dims.apply(floats, dim, matrix, names, what)
                yield from in_groups(names, [(first, encode(changed, precision))])

        used = seed if method in dims.SEEDED else None
        settings = {"method": method, "precision": precision}
        mark = self._data["fingerprint"]
        return ensure_set(self._warehouse, keys, settings, mark, native["rows"], make, parent, used)

    def _second_moments(self, source: int) -> list[npt.NDArray[np.float64]]:
        if not self._moments:
            for side in SIDES:
                stored = StoredVectors(self._warehouse, self._native[side, source])
                blocks = stored.blocks(group_rows(source, "fp32"))
                floats = (np.asarray(block.data, dtype=np.float32) for _, block in blocks)
                self._moments.append(dims.second_moment(floats, source))
        return self._moments
