"""Representations: every dimension and precision that is asked for, derived once and reused."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from cmr.errors import CmrError
from cmr.pipeline.embedding_sets import EmbeddingSet, ensure_set
from cmr.precision import FP32, precision_of
from cmr.represent import dims
from cmr.represent.audit import Audit
from cmr.represent.dim_methods import METHODS, NATIVE, check_method, methods_for, projection
from cmr.represent.precisions import check_precision
from cmr.represent.quantizer_kinds import ABSMAX, quantizer_kind, quantizers_for
from cmr.represent.quantizers import Quantizer
from cmr.represent.unit_vectors import Floats
from cmr.rows import Row
from cmr.sources.collection import TEXT, VISUAL
from cmr.warehouse.current import current_sets
from cmr.warehouse.store import Warehouse
from cmr.warehouse.vectors import StoredVectors, group_rows, in_groups

SIDES = (TEXT, VISUAL)
GALLERY = {"t2v": VISUAL, "v2t": TEXT}


@dataclass(frozen=True)
class Wanted:
    """A representation that is asked for."""

    dim: int
    dim_method: str
    precision: str
    quantizer: str = ABSMAX

    def __str__(self) -> str:
        """As people write it."""
        more = "" if self.quantizer == ABSMAX else f" {self.quantizer}"
        return f"{self.dim} {self.dim_method} {self.precision}{more}"

    @property
    def coded_by(self) -> str | None:
        """The quantiser that is recorded; None of plain floats, which have none."""
        return self.quantizer if precision_of(self.precision).is_coded else None

    @property
    def is_native(self) -> bool:
        """Whether it is what an encoder gave."""
        return self.dim_method == NATIVE and self.precision == FP32


@dataclass(frozen=True)
class Representation:
    """One stored form of a model's vectors; `text` and `visual` are their catalogue rows.

    `directions`: those it serves. `query_precision`: of the queries, where it is not the gallery's.
    """

    wanted: Wanted
    text: Row
    visual: Row
    directions: tuple[str, ...] = tuple(GALLERY)
    query_precision: str | None = None

    def side(self, direction: str, of_gallery: bool) -> Row:
        """The catalogue row of the queries or of the gallery."""
        return self.visual if (GALLERY[direction] == VISUAL) == of_gallery else self.text


class Deriver:
    """Derives representations of one model's vectors on one data set."""

    def __init__(
        self,
        warehouse: Warehouse,
        data: Row,
        model: str,
        ids: dict[str, pa.Array],
        stored_only: bool = False,
        check: bool = False,
    ) -> None:
        """`data`: row of `datasets`. `ids`: the item ids of both sides. `stored_only`: nothing is
        made, and what is not there raises NotStoredError. `check`: stored sets are compared with
        their checksums, and made again where they differ.

        Raises CmrError if there are no such vectors.
        """
        dataset = data["dataset"]
        self._warehouse, self._data, self.model, self._ids = warehouse, data, model, ids
        self._native: dict[tuple[str, int], Row] = {}
        for row in current_sets(warehouse):
            if (
                (row["dataset"], row["model"]) == (dataset, model)
                and row["dim_method"] == NATIVE
                and row["parent"] is None
            ):
                self._native[row["modality"], row["dim"]] = row
        given = [{dim for side, dim in self._native if side == which} for which in SIDES]
        self.native_dims = sorted(given[0] & given[1])
        if not self.native_dims:
            raise CmrError(f"the warehouse has no vectors of {dataset!r} by the model {model!r}")
        self._stored_only, self._check = stored_only, check
        self._moments: list[npt.NDArray[np.float64]] = []
        self._learnt: dict[tuple[Wanted, str | None, int], Quantizer] = {}

    def plan(
        self,
        wanted: Sequence[int],
        methods: Sequence[str],
        precisions: Sequence[str],
        quantizers: Sequence[str] = (ABSMAX,),
    ) -> list[Wanted]:
        """What a request means.

        Raises CmrError for a precision, method or quantiser that does not exist.
        """
        for method in methods:
            check_method(method)
        for name in quantizers:
            quantizer_kind(name)
        every = [
            Wanted(dim, method, precision, name)
            for dim in wanted
            for method in methods_for(dim, self.native_dims, methods)
            for precision in map(check_precision, precisions)
            for name in quantizers_for(precision, quantizers)
        ]
        return list(dict.fromkeys(every))

    def derive(
        self, wanted: Wanted, seed: int, directions: Sequence[str], asymmetric: bool = False
    ) -> list[Representation]:
        """The stored representation, made from the native vectors if it is not there yet.

        It is two, one a direction, where the codes depend on which side is the gallery, or where
        the queries stay fp32 (`asymmetric`).
        """
        if quantizer_kind(wanted.quantizer).ranges is None and not asymmetric:
            text, visual = (self._side(side, wanted, seed) for side in SIDES)
            return [Representation(wanted, text, visual, tuple(directions))]
        made = []
        for direction in directions:
            gallery = GALLERY[direction]
            rows = {}
            for side in SIDES:
                of_query = asymmetric and side != gallery
                fine = replace(wanted, precision=FP32, quantizer=ABSMAX)
                rows[side] = self._side(side, fine if of_query else wanted, seed, gallery)
            query = FP32 if asymmetric and wanted.precision != FP32 else None
            made.append(Representation(wanted, rows[TEXT], rows[VISUAL], (direction,), query))
        return made

    def _side(self, side: str, wanted: Wanted, seed: int, gallery: str | None = None) -> Row:
        """One side's set; `gallery`: the side that a quantiser learns ranges from."""
        dim, method, precision = wanted.dim, wanted.dim_method, wanted.precision
        source = self._source(wanted)
        native = self._native[side, source]
        if wanted.is_native:
            return native
        how, kind = METHODS[method], quantizer_kind(wanted.quantizer)
        keys = {
            "dataset": self._data["dataset"],
            "model": self.model,
            "modality": side,
            "dim": dim,
            "dim_method": method,
            "precision": precision,
        }
        settings = {"method": method, "precision": precision}
        if wanted.quantizer != ABSMAX:
            settings["quantizer"] = wanted.quantizer
        calibration = None
        if kind.ranges is not None:
            assert gallery is not None
            calibration = str(self._native[gallery, source]["set_id"])
            settings["calibration"] = calibration
        # A basis that is fitted comes from both sides, so both are its parents.
        parents = [self._native[which, source]["set_id"] for which in SIDES]
        parent = "+".join(parents) if how.fitted else native["set_id"]
        seeded = how.seeded or kind.rotation is not None
        quantizer: Quantizer | None = None
        audit: Audit | None = None

        def make() -> Iterator[pa.Table]:
            nonlocal quantizer, audit
            quantizer = self._quantizer(wanted, seed, gallery)
            audit = Audit(quantizer)
            ids = self._ids[side]
            for first, floats in self._changed(side, wanted, seed):
                encoded = quantizer.encode(floats, precision)
                if wanted.coded_by:
                    audit.add(floats, encoded)
                yield from in_groups(ids[first : first + len(floats)], [(first, encoded)])

        def coding() -> Row:
            if not wanted.coded_by:
                return {}
            assert quantizer is not None
            assert audit is not None
            ranges = quantizer.ranges
            return {
                "quantizer": wanted.quantizer,
                "calibration_set": calibration,
                "range_low": None if ranges is None else ranges.low.tolist(),
                "range_high": None if ranges is None else ranges.high.tolist(),
                **audit.result(),
            }

        return ensure_set(
            self._warehouse,
            EmbeddingSet(
                keys,
                settings,
                self._data["fingerprint"],
                native["rows"],
                parent,
                seed if seeded else None,
            ),
            None if self._stored_only else make,
            coding=coding,
            check=self._check,
        )

    def _source(self, wanted: Wanted) -> int:
        """The native dimension that a representation is made from."""
        return wanted.dim if wanted.dim_method == NATIVE else self.native_dims[-1]

    def _changed(self, side: str, wanted: Wanted, seed: int) -> Iterator[tuple[int, Floats]]:
        """One side's unit vectors at the wanted dimension, block by block."""
        source, dim = self._source(wanted), wanted.dim
        moments = self._second_moments(source) if METHODS[wanted.dim_method].fitted else []
        matrix = projection(wanted.dim_method, source, dim, seed, moments)
        step = group_rows(dim, wanted.precision)
        for first, block in StoredVectors(self._warehouse, self._native[side, source]).blocks(step):
            names = self._ids[side][first : first + len(block)]
            what = f"{side} item (cut to {dim} dimensions)"
            floats: Floats = np.asarray(block.data, dtype=np.float32)
            yield first, dims.apply(floats, dim, matrix, names, what)

    def _quantizer(self, wanted: Wanted, seed: int, gallery: str | None) -> Quantizer:
        """What codes a representation; `gallery`: the side whose vectors it may learn from."""
        key = replace(wanted, precision=FP32), gallery, seed
        # The same for every precision, and to learn it again is to read the gallery once more.
        if key in self._learnt:
            return self._learnt[key]

        def blocks() -> Iterator[Floats]:
            assert gallery is not None
            return (floats for _, floats in self._changed(gallery, wanted, seed))

        kind = quantizer_kind(wanted.quantizer)
        found = kind.make(wanted.quantizer, wanted.dim, seed, blocks)
        if kind.ranges is not None:
            self._learnt[key] = found
        return found

    def _second_moments(self, source: int) -> list[npt.NDArray[np.float64]]:
        if not self._moments:
            for side in SIDES:
                stored = StoredVectors(self._warehouse, self._native[side, source])
                blocks = stored.blocks(group_rows(source, FP32))
                floats = (np.asarray(block.data, dtype=np.float32) for _, block in blocks)
                self._moments.append(dims.second_moment(floats, source))
        return self._moments
