"""Indexes of galleries, built when they are first searched and kept while there is room.

A run by torch, which ranks everything, is searched by usearch's exact search, the fastest that
there is for a single query, and what it finds is scored again by the stored vectors: the order is
that of the run, and so are the scores.
"""

from __future__ import annotations

import os
from collections import OrderedDict

import numpy as np

from cmr import memory
from cmr.errors import CmrError
from cmr.explore.choices import Searched, SideChoice
from cmr.pipeline.bench.index import Index, StagedQueries, make_index
from cmr.pipeline.bench.measuring_task import Task
from cmr.pipeline.bench.read_codes import as_held, coder, reader
from cmr.precision import FP32, precision_of
from cmr.represent.coded_sets import compares_codes
from cmr.represent.precisions import Encoded
from cmr.represent.unit_vectors import Floats
from cmr.rows import Row
from cmr.score.search.graph_settings import Hnsw
from cmr.score.search.indexes import Ordinals, Scores
from cmr.score.search.usearch_index import UsearchExact
from cmr.warehouse.store import Store
from cmr.warehouse.vectors import StoredVectors

# Items that an exact search lists, so that a move is known beyond what is shown; other searches
# list what their runs list.
LISTED = 100


class HeldIndex:
    """An index of a choice's gallery in one direction."""

    def __init__(self, warehouse: Store, choice: SideChoice, one: Searched) -> None:
        """Read the gallery and build. Raises CmrError where that is impossible here."""
        search, kind, rows = choice.search, choice.search.kind, int(one.gallery["rows"])
        kind.check_installed(search.scorer)
        self._warehouse, self._one = warehouse, one
        length = min(search.length or LISTED, rows)
        graph = (search.connectivity, search.expansion_add, search.expansion_search)
        self._task = Task(
            warehouse.root, "explore", choice.name, (), os.cpu_count() or 1, "cpu",
            one.gallery["seed"] or 0, one.gallery, one.queries, one.fine, search.scorer,
            search.options, None if graph[0] is None else Hnsw(*(part or 0 for part in graph)),
            k=length, depth=min(length * (search.oversample or 1), rows),
        )  # fmt: skip
        self._ask = reader(self._task) if self._task.asymmetric else None
        self.gallery = self._form(one.gallery, StoredVectors(warehouse, one.gallery).all())
        fine = None if one.fine is None else self._stored(one.fine[0])
        if fine is None and not (kind.own_order or kind.lists):
            # What is found is ordered and scored by the vectors themselves.
            fine = self.gallery
        self._staged, shared = fine is not None, fine is self.gallery
        if kind.by_plan:
            self._index = Index(self._task, UsearchExact(self.gallery), fine, rows)
        else:
            self._index = make_index(self._task, self.gallery, fine)
        # usearch takes floats as they are; codes it is given one a byte.
        shared = shared and not precision_of(self.gallery.precision).is_integer
        self.memory_bytes = self._index.memory_bytes - shared * int(self.gallery.data.nbytes)

    @property
    def holds(self) -> str | None:
        """The id of the set that `gallery` is, if it is held as it is stored."""
        as_stored = not self._task.asymmetric and compares_codes(self._one.gallery)
        return str(self._one.gallery["set_id"]) if as_stored else None

    def search(self, stored: Encoded, fine: Encoded | None) -> tuple[Ordinals, Scores]:
        """The list of a single query: ordinals and scores, best first, (length,) each.

        `stored`: the query in the form of the stored queries; `fine`: in that of the second stage.
        """
        if self._ask is not None:
            coded = _floats(self._ask(stored))
        else:
            coded = as_held(self._warehouse, self._one.queries, stored)
        if fine is not None and self._one.fine is not None:
            again: Encoded | None = as_held(self._warehouse, self._one.fine[1], fine)
        else:
            again = coded if self._staged else None
        found, scores = self._index.search(StagedQueries(coded, again), self._task.threads)
        there = found[0] >= 0
        ordinals, values = found[0][there], scores[0][there]
        if not self._staged:
            return ordinals, values
        # Of equal scores the first item comes first, as in a run's stored lists.
        order = np.lexsort((ordinals, -values))
        return ordinals[order], values[order]

    def _form(self, row: Row, stored: Encoded) -> Encoded:
        """The gallery as it is searched: what codes stand for, if queries are not coded alike."""
        if self._task.asymmetric:
            return _floats(coder(self._warehouse.root, row).decode(stored))
        return as_held(self._warehouse, row, stored)

    def _stored(self, row: Row) -> Encoded:
        return as_held(self._warehouse, row, StoredVectors(self._warehouse, row).all())


class HeldIndexes:
    """The indexes in use, the most recently searched last."""

    def __init__(self, warehouse: Store, room: int | None = None) -> None:
        """`room`: bytes for all of them; by default what `cmr evaluate` takes for scoring."""
        self._warehouse = warehouse
        self._room = memory.for_scoring() if room is None else room
        self._held: OrderedDict[tuple[str, str], HeldIndex] = OrderedDict()

    def get(self, choice: SideChoice, direction: str) -> HeldIndex:
        """The index of a choice in a direction, built if it is not there.

        Raises CmrError where the choice has no such direction, or its index does not fit.
        """
        one = choice.ways.get(direction)
        if one is None:
            raise CmrError(
                f"{choice.name} was not evaluated in the direction {direction}, and its codes "
                "depend on it"
            )
        key = choice.key, one.gallery["set_id"]
        if key not in self._held:
            self._make_room(_need(one))
            self._held[key] = HeldIndex(self._warehouse, choice, one)
        self._held.move_to_end(key)
        return self._held[key]

    def prepare(self, choice: SideChoice, direction: str) -> None:
        """Build an index if none that is in use has to make room for it."""
        one = choice.ways[direction]
        there = (choice.key, one.gallery["set_id"]) in self._held
        if not there and _need(one) + self._taken <= self._room:
            self.get(choice, direction)

    def vector(self, row: Row, ordinal: int) -> Encoded:
        """One stored vector of a set, from memory if the set is some index's gallery."""
        part = slice(ordinal, ordinal + 1)
        for index in self._held.values():
            if index.holds == row["set_id"]:
                return index.gallery.rows(part)
        return StoredVectors(self._warehouse, row, (part.start, part.stop)).all()

    def _make_room(self, need: int) -> None:
        if need > self._room:
            raise CmrError(
                f"its index takes about {need / 2**20:,.0f} MiB, but there is room for "
                f"{self._room / 2**20:,.0f}: a quarter of the machine's memory"
            )
        while self._held and need + self._taken > self._room:
            self._held.popitem(last=False)

    @property
    def _taken(self) -> int:
        return sum(one.memory_bytes for one in self._held.values())


def _need(one: Searched) -> int:
    """Bytes of an index, without a graph's edges or what an engine adds."""
    rows = [one.gallery, *(one.fine or ())[:1]]
    return sum(_vector_bytes(row, one.queries) * int(row["rows"]) for row in rows)


def _vector_bytes(row: Row, queries: Row) -> int:
    """Bytes of a vector as usearch holds it: integer codes but bits take a byte each."""
    kind, dim = precision_of(row["precision"]), int(row["dim"])
    if not compares_codes(row) or row["precision"] != queries["precision"]:
        return 4 * dim
    return dim if kind.is_integer and not kind.is_binary else kind.vector_bytes(dim)


def _floats(values: Floats) -> Encoded:
    """Vectors as float32, which are multiplied as they are."""
    ones = np.ones(len(values), dtype=np.float32)
    return Encoded(FP32, values.shape[1], np.ascontiguousarray(values), ones)
