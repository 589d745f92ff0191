"""Kernels warmed before a clock runs: what is done once on a machine, or in a process, is no speed.

A few vectors are scored in the same way as the many that follow, through the same code with the
same types and layouts. So numba compiles what the run will use, or reads it from its cache, devices
are tried, Triton compiles, and libraries make their threads, before anything is timed.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Hashable, Iterator
from contextlib import contextmanager

import numpy as np
from numba.core import event

from cmr.score.cpu.tile_counts import FEW as FEW_RELEVANTS
from cmr.score.groups import GroupedJudged, by_visual
from cmr.score.judgments import Judged, judge
from cmr.score.pools import Pools

SAID = "compiling kernels, once"
# Vectors of each side. More than FEW_RELEVANTS, so that a query can have so many relevant items
# that it is counted by sorting.
FEW = 64
_warm: set[Hashable] = set()
_told = False


def warmed(kind: Hashable, work: Callable[[], object]) -> None:
    """Do `work` unless work of its kind was done in this process; say where it compiles."""
    if kind not in _warm:
        with compiling():
            work()
        _warm.add(kind)


@contextmanager
def compiling() -> Iterator[None]:
    """Say once in a process, on stderr, that numba compiles: what its cache has, it does not."""
    with event.install_listener("numba:compile", _Compiling()):
        yield


class _Compiling(event.Listener):  # type: ignore[misc]
    """Told of what numba compiles, but not of what it finds in its cache on disk."""

    def on_start(self, _event: event.Event) -> None:
        global _told
        if not _told:
            print(SAID, file=sys.stderr, flush=True)
        _told = True

    def on_end(self, _event: event.Event) -> None:
        pass


def few_rows(rows: int) -> int:
    """How many of a side's vectors stand for all of them.

    Triton compiles once more for sizes that 16 divides.
    """
    return rows if rows <= FEW else FEW - (rows % 16 > 0)


def few_judged(judged: dict[str, Judged], texts: int, visuals: int) -> dict[str, Judged]:
    """Judgments of so few texts and visuals, by direction, that are counted as `judged` is.

    Every query has one relevant item; the first has so many that it is counted by sorting, where
    one of `judged` has.
    """
    return {
        name: _few(one, *((texts, visuals) if name == "t2v" else (visuals, texts)))
        for name, one in judged.items()
    }


def _few(judged: Judged, queries: int, gallery: int) -> Judged:
    if isinstance(judged, GroupedJudged):
        text = np.arange(gallery)
        return by_visual(judge(text % queries, text, queries, gallery))
    query = np.arange(queries)
    item = query % gallery
    if has_many(judged):
        many = np.arange(FEW_RELEVANTS + 1)
        query = np.concatenate([np.zeros_like(many), query[1:]])
        item = np.concatenate([many, item[1:]])
    return judge(query, item, queries, gallery)


def has_many(judged: Judged) -> bool:
    """Whether a query has so many relevant items that it is counted by sorting."""
    return int(judged.relevants.max(initial=0)) > FEW_RELEVANTS


def few_pools(judged: dict[str, Judged]) -> Pools:
    """Pools of what `few_judged` judges, as large as the smaller gallery."""
    return Pools([min(one.gallery for one in judged.values())], 1, 0)
