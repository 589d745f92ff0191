"""The settings of a graph, and their defaults."""

from __future__ import annotations

from dataclasses import dataclass, fields


@dataclass(frozen=True)
class Hnsw:
    """Settings of usearch's graph; the defaults are its own.

    `connectivity`: edges of a node (M). `expansion_add`: candidates looked at when one is added
    (efConstruction). `expansion_search`: candidates kept by a search (ef).
    """

    connectivity: int = 16
    expansion_add: int = 128
    expansion_search: int = 64


USUAL = Hnsw()
# As options and columns are called, too.
GRAPH = tuple(one.name for one in fields(Hnsw))
