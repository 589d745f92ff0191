"""What is scored, a representation and a way of searching it, and the result."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from cmr.pipeline.derive import Part, Representation
from cmr.pipeline.search import Search
from cmr.pipeline.teaching import Teaching
from cmr.represent.unit_vectors import Floats
from cmr.rows import Row

if TYPE_CHECKING:
    from cmr.pipeline.folds import Fold
    from cmr.score.search.returned_lists import Lists
    from cmr.score.tally import Counted
    from cmr.score.top_lists import Hits


@dataclass
class Scored:
    """One direction's result: counts, seconds by stage, lists if the search returns them.

    `columns`: what is recorded of the run beside its settings. `hits`: each query's best items, if
    an exact count found them along the way; see `top_hits`. `held_out`: the same for each fold's
    queries, scored by what was learnt without them.
    """

    counted: Counted
    seconds: dict[str, float]
    columns: Row
    lists: Lists | None = None
    hits: Hits | None = None
    held_out: Sequence[tuple[Fold, Scored]] = ()


@dataclass
class Case:
    """A representation and a way of searching it: a run without its direction.

    `part`, `fine_part`: a fold's vectors, if these are scored instead of the stored ones.
    `teaching`: by direction, what a search learns from that learns anything.
    """

    made: Representation
    search: Search
    fine: Representation | None = None
    part: Part | None = None
    fine_part: Part | None = None
    teaching: Mapping[str, Teaching] = field(default_factory=dict)

    def teachers(self, direction: str) -> Callable[[], Floats] | None:
        """Reads the vectors that an index learns from; None for those that it holds."""
        if direction not in self.teaching:
            return None
        return self.teaching[direction].vectors if self.part is None else self.part.teachers

    def vector_bytes(self, direction: str) -> int:
        """Bytes of a stored gallery vector, both stages together."""
        return int(self.made.side(direction, True)["vector_bytes"]) + (
            self.rescore_bytes(direction) or 0
        )

    def rescore_bytes(self, direction: str) -> int | None:
        """Bytes of a gallery vector of the second stage."""
        if self.fine is None:
            return None
        return int(self.fine.side(direction, True)["vector_bytes"])
