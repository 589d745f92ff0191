"""Representations: every requested dimension and precision, derived once and reused."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING

import pyarrow as pa

from cmr.errors import CmrError
from cmr.pipeline.apart import check_apart
from cmr.pipeline.embedding_sets import EmbeddingSet, ensure_set
from cmr.pipeline.fits import SIDES, DerivedVectors, Learner, Wanted, changed
from cmr.pipeline.folds import Fold, fold_count
from cmr.pipeline.judged_data import find_dataset, item_ids
from cmr.pipeline.teaching import Teaching
from cmr.precision import FP32, precision_of
from cmr.represent.audit import Audit
from cmr.represent.dim_methods import METHODS, NATIVE, check_method, methods_for
from cmr.represent.precisions import check_precision, to_floats
from cmr.represent.product_codes import check_parts
from cmr.represent.quantizer_kinds import (
    ABSMAX,
    GALLERY_SIDE,
    OWN_SIDE,
    quantizer_kind,
    quantizers_for,
    quantizers_named,
)
from cmr.represent.quantizers import Quantizer
from cmr.represent.unit_vectors import Floats
from cmr.rows import Row
from cmr.sources.collection import TEXT, VISUAL
from cmr.warehouse.codebooks import to_table
from cmr.warehouse.current import current_sets
from cmr.warehouse.store import Store
from cmr.warehouse.vectors import in_groups

if TYPE_CHECKING:
    from cmr.score.blocks import Vectors

GALLERY = {"t2v": VISUAL, "v2t": TEXT}


@dataclass(frozen=True)
class Representation:
    """One stored form of a model's vectors; `text` and `visual` are their catalogue rows.

    `directions`: those it serves. `query_precision`: the queries', if not the gallery's.
    """

    wanted: Wanted
    text: Row
    visual: Row
    directions: tuple[str, ...] = tuple(GALLERY)
    query_precision: str | None = None

    def side(self, direction: str, of_gallery: bool) -> Row:
        """The catalogue row of the queries or of the gallery."""
        return self.visual if (GALLERY[direction] == VISUAL) == of_gallery else self.text


@dataclass(frozen=True)
class Part:
    """One fold's vectors of both sides as they are multiplied; only the fold's own queries.

    `teachers`: those of the gallery that may be learnt from, (n, d).
    """

    name: str
    sides: dict[str, Vectors]
    teachers: Callable[[], Floats] | None = None


class Deriver:
    """Derives representations of one model's vectors on one data set."""

    def __init__(
        self,
        warehouse: Store,
        data: Row,
        model: str,
        ids: dict[str, pa.Array],
        stored_only: bool = False,
        check: bool = False,
        fit_on: str | None = None,
    ) -> None:
        """`data`: row of `datasets`. `ids`: the item ids of both sides. `stored_only`: derive
        nothing, and raise NotStoredError for what does not exist. `check`: compare stored sets with
        their checksums, and derive them again if they differ. `fit_on`: the data set that bases and
        quantisers are learnt from; None for this one.

        Raises CmrError if there are no such vectors, or if `fit_on` overlaps with what is scored.
        """
        dataset = data["dataset"]
        self._warehouse, self._data, self.model, self._ids = warehouse, data, model, ids
        self._native = _native_sets(warehouse, dataset, model)
        given = [{dim for side, dim in self._native if side == which} for which in SIDES]
        self.native_dims = sorted(given[0] & given[1])
        if not self.native_dims:
            raise CmrError(f"the warehouse has no vectors of {dataset!r} by the model {model!r}")
        self._stored_only, self._check = stored_only, check
        self.fit_on = dataset if fit_on is None else fit_on
        self._learner = self._learner_of(fit_on)
        self._of_folds: dict[str, Learner] = {}

    @property
    def declared_dims(self) -> tuple[int, ...]:
        """The dimensions that the model itself says its vectors may be truncated to."""
        told = json.loads(self._native[TEXT, self.native_dims[-1]]["settings"] or "{}")
        found = (told.get("encoder_details") or {}).get("matryoshka_dims") or ()
        return tuple(dim for dim in found if dim < self.native_dims[-1])

    def _learner_of(self, fit_on: str | None) -> Learner:
        largest = self.native_dims[-1]
        if fit_on is None:
            return Learner(self._warehouse, self._native, largest, self._ids)
        row = find_dataset(self._warehouse, fit_on)
        if fit_on == self._data["dataset"]:
            raise CmrError(f"--fit-on {fit_on} is the data set that is scored; name another")
        native = _native_sets(self._warehouse, fit_on, self.model)
        for dim in self.native_dims:
            if not all((side, dim) in native for side in SIDES):
                raise CmrError(
                    f"--fit-on {fit_on} has no vectors of {dim} dimensions by the model "
                    f"{self.model!r}, which are needed of texts and visuals"
                )
            few = sum(native[side, dim]["rows"] for side in SIDES)
            if few < dim:
                raise CmrError(
                    f"--fit-on {fit_on} has {few} vectors, fewer than their {dim} dimensions"
                )
        check_apart(self._warehouse, self._native, native, fit_on)
        ids = {side: item_ids(self._warehouse, row, side) for side in SIDES}
        return Learner(self._warehouse, native, largest, ids)

    def plan(
        self,
        wanted: Sequence[int],
        methods: Sequence[str],
        precisions: Sequence[str],
        quantizers: Sequence[str] = (ABSMAX,),
    ) -> list[Wanted]:
        """Resolve a request.

        Raises CmrError for a precision, method or quantiser that does not exist.
        """
        for method in methods:
            check_method(method)
        named = quantizers_named(quantizers)
        for name in named:
            quantizer_kind(name)
        for precision in map(check_precision, precisions):
            for dim in wanted:
                check_parts(precision_of(precision), dim)
        every = [
            Wanted(dim, method, precision, name)
            for dim in wanted
            for method in methods_for(dim, self.native_dims, methods)
            for precision in map(check_precision, precisions)
            for name in quantizers_for(precision, named)
        ]
        return list(dict.fromkeys(every))

    def derive(
        self, wanted: Wanted, seed: int, directions: Sequence[str], asymmetric: bool = False
    ) -> list[Representation]:
        """The stored representation, derived from the native vectors if it does not exist yet.

        There are two, one per direction, if the codes depend on which side is the gallery, or if
        the queries stay fp32 (`asymmetric`).
        """
        if quantizer_kind(wanted.quantizer).learns != GALLERY_SIDE and not asymmetric:
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

    def matrix(self, wanted: Wanted, seed: int) -> Floats | None:
        """The (native, dim) float32 projection of a representation; None if its method has none."""
        return self._learner.matrix(wanted, seed)

    def native_row(self, side: str, wanted: Wanted) -> Row:
        """The row of the native set that one side of a representation is derived from."""
        return self._native[side, self._learner.source(wanted)]

    def _side(self, side: str, wanted: Wanted, seed: int, gallery: str | None = None) -> Row:
        """One side's set; `gallery`: the searched side, on which codes may depend."""
        dim, method, precision = wanted.dim, wanted.dim_method, wanted.precision
        native = self.native_row(side, wanted)
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
        teacher = side if kind.learns == OWN_SIDE else gallery
        if kind.learns is not None:
            assert teacher is not None
            calibration = str(self._learner.row(teacher, wanted)["set_id"])
            settings["calibration"] = calibration
        # A fitted basis comes from both sides, so both are its parents.
        parents = [self._learner.row(which, wanted)["set_id"] for which in SIDES]
        parent = "+".join(parents) if how.fitted else native["set_id"]
        if how.fitted and self.fit_on != self._data["dataset"]:
            settings["of"] = native["set_id"]
        seeded = how.seeded or kind.is_seeded
        quantizer: Quantizer | None = None
        audit: Audit | None = None

        def make() -> Iterator[pa.Table]:
            nonlocal quantizer, audit
            quantizer = self._learner.quantizer(wanted, seed, teacher)
            audit = Audit(quantizer)
            ids, matrix = self._ids[side], self._learner.matrix(wanted, seed)
            for first, floats in changed(self._warehouse, native, wanted, matrix, ids):
                encoded = quantizer.encode(floats, precision)
                if wanted.coded_by:
                    audit.add(floats, encoded)
                yield from in_groups(ids[first : first + len(floats)], [(first, encoded)])

        def coding() -> Row:
            learnt = self._learnt(wanted, teacher)
            if not wanted.coded_by:
                return learnt
            assert quantizer is not None
            assert audit is not None
            ranges, centre = quantizer.ranges, quantizer.centre
            return {
                **learnt,
                "quantizer": wanted.quantizer,
                "calibration_set": calibration,
                "range_low": None if ranges is None else ranges.low.tolist(),
                "range_high": None if ranges is None else ranges.high.tolist(),
                "centre": None if centre is None else centre.tolist(),
                **audit.result(),
            }

        def codebook() -> Iterator[pa.Table]:
            assert quantizer is not None
            if quantizer.codebook is not None:
                yield to_table(quantizer.codebook)

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
            codebook=codebook,
            check=self._check,
        )

    def _learnt(self, wanted: Wanted, teacher: str | None) -> Row:
        """What a set records of its fit: the data set and number of vectors; empty without one."""
        if not wanted.learns:
            return {}
        sides = SIDES if METHODS[wanted.dim_method].fitted or teacher is None else (teacher,)
        return {"fit_on": self.fit_on, "fit_vectors": self._learner.count(sides, wanted)}

    def in_folds(self, made: Representation, taught: bool = False) -> bool:
        """Whether a representation was fitted to the data it is scored on, so it needs folds.

        `taught`: whether what searches it learns from it as well.
        """
        return (made.wanted.learns or taught) and self.fit_on == self._data["dataset"]

    def teaching(self, made: Representation, seed: int, direction: str) -> Teaching:
        """What an engine learns from that searches a representation."""
        side, wanted, learner = GALLERY[direction], made.wanted, self._learner
        count, set_id = learner.count((side,), wanted), str(learner.row(side, wanted)["set_id"])
        elsewhere = self.fit_on != self._data["dataset"]
        vectors = partial(learner.vectors, side, wanted, seed) if elsewhere else None
        return Teaching(self.fit_on, count, set_id, vectors)

    def fold_count(self, made: Representation) -> int:
        """The default number of folds for such a representation."""
        source = self._learner.source(made.wanted)
        return fold_count(sum(self._native[side, source]["rows"] for side in SIDES), source)

    def part(self, made: Representation, seed: int, fold: Fold) -> Part:
        """The vectors of a fold's queries and of the whole gallery, in a representation learnt
        without these queries and the items relevant to them.
        """
        if fold.mark not in self._of_folds:
            self._of_folds[fold.mark] = Learner(
                self._warehouse, self._native, self.native_dims[-1], self._ids, fold.learn
            )
        learner = self._of_folds[fold.mark]
        sides = {side: self._compared(made, seed, fold, learner, side) for side in SIDES}
        taught = partial(learner.vectors, GALLERY[fold.direction], made.wanted, seed)
        return Part(f"{fold.number}/{fold.mark}", sides, taught)

    def _compared(
        self, made: Representation, seed: int, fold: Fold, learner: Learner, side: str
    ) -> Vectors:
        """One side of a fold in the form that is multiplied: see `cmr.score.asymmetric`."""
        from cmr.score.asymmetric import AsFloats

        wanted, gallery = made.wanted, GALLERY[fold.direction]
        kind, asks = quantizer_kind(wanted.quantizer), side != gallery
        teacher = side if kind.learns == OWN_SIDE else gallery
        bare = asks and made.query_precision is not None
        one = replace(wanted, precision=FP32, quantizer=ABSMAX) if bare else wanted
        coding = learner.coding(one, seed, teacher)
        native = self._native[side, learner.source(one)]
        only = fold.queries if asks else None
        found = DerivedVectors(self._warehouse, native, one, coding, self._ids[side], only)
        if bare:
            asked, binary = learner.quantizer(wanted, seed, teacher), wanted.is_binary
            unit = asked.centre is None or not binary
            return AsFloats(
                found, lambda block: asked.ask(to_floats(block), wanted.precision), unit
            )
        if made.query_precision is not None or wanted.multiplied != wanted.precision:
            return AsFloats(found, coding.quantizer.decode)
        return found


def _native_sets(warehouse: Store, dataset: str, model: str) -> dict[tuple[str, int], Row]:
    """Encoded or imported vectors: rows of `embedding_sets` by side and dimension."""
    return {
        (row["modality"], row["dim"]): row
        for row in current_sets(warehouse)
        if (row["dataset"], row["model"]) == (dataset, model)
        and row["dim_method"] == NATIVE
        and row["parent"] is None
    }
