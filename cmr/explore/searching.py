"""A query of the page and its answer: the lists of two choices side by side, and the moves."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Any

from cmr.errors import CmrError
from cmr.explore.choices import SideChoice, choices, default_pair
from cmr.explore.held_indexes import HeldIndexes
from cmr.explore.query_coding import QueryCoding
from cmr.explore.query_model import Opening, QueryModel
from cmr.explore.shown_data import WAY, ShownData, gallery_of
from cmr.represent.precisions import Encoded
from cmr.represent.unit_vectors import Floats
from cmr.rows import Row
from cmr.sources.collection import TEXT, VISUAL
from cmr.suggestions import suggestion
from cmr.warehouse.store import Store

# Hits that a side may be asked to show.
MOST = 100


@dataclass(frozen=True)
class Sought:
    """What is searched with: a typed `text`, the bytes of a `picture`, or a stored `item`.

    `item`: side and id.
    """

    text: str | None = None
    picture: bytes | None = None
    item: tuple[str, str] | None = None


@dataclass(frozen=True)
class Ranked:
    """One choice's answer, or the sentence that says why it has none.

    `ordinals`, `scores`: of its list, best first. `ms`: how long the search took. `query_ms`: how
    long it took before to encode the query and to code it, or to read it.
    """

    choice: SideChoice
    ordinals: list[int]
    scores: list[float]
    ms: float = 0.0
    query_ms: float = 0.0
    note: str | None = None
    fault: str | None = None


class Explorer:
    """Searches one data set. It is used by one thread at a time."""

    def __init__(self, warehouse: Store, row: Row, model: str | None, opening: Opening) -> None:
        """`row`: of `datasets`. `model`: the only one whose vectors are searched, None for all.

        Raises CmrError if there are no vectors.
        """
        self.data = ShownData(warehouse, row)
        self.choices = {one.key: one for one in choices(warehouse, self.data.name, model)}
        if not self.choices:
            raise CmrError(f"{self.data.name!r} has no vectors of texts and visuals to search")
        self.pair = default_pair(list(self.choices.values()))
        self._warehouse = warehouse
        self._indexes = HeldIndexes(warehouse)
        self._coding = QueryCoding(warehouse, row, self.data.ids)
        self._models = {
            one.model: QueryModel(warehouse, self.data.name, one.model, opening)
            for one in self.choices.values()
        }

    def warm(self) -> None:
        """Get ready what the page opens with, so that the first search does not wait for it."""
        self.prepare(self.pair)
        self._models[self.choices[self.pair[0]].model].ready()

    def prepare(self, pair: tuple[str, str]) -> None:
        """Get the exact searches of two choices ready in both directions, as far as there is room.

        A click on a hit asks in the other direction, by a vector that is at hand then.
        """
        for one in (self.choices[key] for key in pair if key in self.choices):
            for way in one.ways if one.search.kind.by_plan else ():
                self._indexes.prepare(one, way)

    def answer(self, sought: Sought, pair: tuple[str, str], shown: int) -> dict[str, Any]:
        """What the page shows, as JSON. Raises CmrError for a query or a choice that is none.

        `pair`: the keys of the choices on both sides. `shown`: hits of each side.
        """
        both = [self._choice(key) for key in pair]
        side, ordinal = self._side(sought)
        relevant = set() if ordinal is None else self.data.relevant(side, ordinal)
        encoded: dict[str, tuple[Floats, float, str | None]] = {}
        ranked = [self._ranked(one, side, ordinal, sought, encoded) for one in both]
        return {
            "direction": WAY[side],
            "query": self._query(sought, side, ordinal),
            "relevant": len(relevant),
            "sides": [
                self._shown(one, other, gallery_of(side), relevant, shown)
                for one, other in (ranked, ranked[::-1])
            ],
        }

    def _choice(self, key: str) -> SideChoice:
        if key not in self.choices:
            raise CmrError("there is no such representation any more; load the page again")
        return self.choices[key]

    def _side(self, sought: Sought) -> tuple[str, int | None]:
        """The query's side, and its ordinal if it is stored."""
        if sought.picture is not None:
            return VISUAL, None
        if sought.item is not None:
            side, item_id = sought.item
            found = self.data.find(side, item_id)
            if found is None:
                raise CmrError(
                    f"there is no {side} item {item_id!r}"
                    f"{suggestion(item_id, self.data.ids[side].slice(0, 10_000).to_pylist())}"
                )
            return side, found
        if not sought.text:
            raise CmrError("the query is empty")
        return self.data.named_by(sought.text) or (TEXT, None)

    def _ranked(
        self,
        choice: SideChoice,
        side: str,
        ordinal: int | None,
        sought: Sought,
        encoded: dict[str, tuple[Floats, float, str | None]],
    ) -> Ranked:
        try:
            index = self._indexes.get(choice, WAY[side])
            one, note, before = choice.ways[WAY[side]], None, 0.0
            if ordinal is None:
                if choice.model not in encoded:
                    encoded[choice.model] = self._encoded(choice.model, sought)
                vector, before, note = encoded[choice.model]

            def queries(row: Row) -> Encoded:
                if ordinal is not None:
                    return self._indexes.vector(row, ordinal)
                return self._coding.coded(vector, row)

            clock = time.perf_counter()
            asked = queries(one.queries), None if one.fine is None else queries(one.fine[1])
            ready = time.perf_counter()
            found, scores = index.search(*asked)
            took = 1000 * (time.perf_counter() - ready)
            before += 1000 * (ready - clock)
            return Ranked(choice, found.tolist(), scores.tolist(), took, before, note)
        except CmrError as error:
            return Ranked(choice, [], [], fault=str(error))

    def _encoded(self, model: str, sought: Sought) -> tuple[Floats, float, str | None]:
        """A new query's vector by a model, the milliseconds that took, and what was left out."""
        self._models[model].ready()
        clock, cut = time.perf_counter(), 0
        if sought.picture is not None:
            vector = self._models[model].picture(sought.picture)
        else:
            vector, cut = self._models[model].text(sought.text or "")
        note = f"{model} does not see the last {cut} tokens of this caption" if cut else None
        return vector, 1000 * (time.perf_counter() - clock), note

    def _query(self, sought: Sought, side: str, ordinal: int | None) -> dict[str, Any]:
        if ordinal is not None:
            return {"stored": True, **self.data.card(side, ordinal)}
        return {"stored": False, "side": side, "id": None, "text": sought.text}

    def _shown(
        self, one: Ranked, other: Ranked, side: str, relevant: set[int], shown: int
    ) -> dict[str, Any]:
        places = {ordinal: at for at, ordinal in enumerate(other.ordinals, start=1)}
        ranks = {ordinal: at for at, ordinal in enumerate(one.ordinals, start=1)}
        hits = zip(one.ordinals[:shown], one.scores, strict=False)
        return {
            "name": one.choice.name,
            "fault": one.fault,
            "note": one.note,
            "ms": round(one.ms, 2),
            "query_ms": round(one.query_ms, 2),
            "listed": len(one.ordinals),
            # The other list, within which moves are known.
            "against": None if other.fault else len(other.ordinals),
            "relevant_ranks": sorted(ranks[item] for item in relevant if item in ranks),
            "hits": [
                {
                    **self.data.card(side, ordinal),
                    "rank": at,
                    "score": score,
                    "other": places.get(ordinal),
                    "relevant": ordinal in relevant,
                }
                for at, (ordinal, score) in enumerate(hits, start=1)
            ],
        }
