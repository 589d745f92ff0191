"""Judgments of visuals that are ranked by the best of their captions."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from cmr.score.judgments import Indices, Judged, judge, with_only


@dataclass(frozen=True)
class GroupedJudged(Judged):
    """Each visual that has a caption is a query, and the one item relevant to itself.

    An item's ordinal counts the visuals with a caption. `group`: (texts,) the item that each text
    belongs to, -1 for none. `captions`: the relevant texts of all visuals, from which it was made.
    """

    group: Indices
    captions: Judged

    def part(self, queries: Indices) -> GroupedJudged:
        """The judgments of only these queries, renumbered from 0, on the whole gallery."""
        found = with_only(self, queries)
        return replace(
            self, query=found.query, item=found.item, start=found.start, order=found.order
        )

    @property
    def pairs(self) -> Judged:
        """Every query with each text of its own item."""
        first = self.captions.start[self.grouped]
        size = self.captions.relevants[self.grouped][self.item]
        query = self.query.repeat(size)
        place = np.arange(len(query)) - (np.cumsum(size) - size).repeat(size)
        text = self.captions.item[first[self.item].repeat(size) + place]
        return judge(query, text, self.queries, self.captions.gallery)

    @property
    def grouped(self) -> Indices:
        """(gallery,) the ordinal among all visuals of each item."""
        return np.flatnonzero(self.captions.relevants > 0)


def by_visual(captions: Judged) -> GroupedJudged:
    """Group texts by the visual that they caption. `captions`: of v2t.

    Raises ValueError(ordinal) for a text of several visuals.
    """
    several = np.flatnonzero(np.bincount(captions.item, minlength=captions.gallery) > 1)
    if len(several):
        raise ValueError(int(several[0]))
    visuals = np.flatnonzero(captions.relevants > 0)
    number = np.full(captions.queries, -1, dtype=np.int64)
    number[visuals] = np.arange(len(visuals))
    group = np.full(captions.gallery, -1, dtype=np.int64)
    group[captions.item] = number[captions.query]
    own = judge(visuals, number[visuals], captions.queries, len(visuals))
    return GroupedJudged(own.query, own.item, own.start, own.order, own.gallery, group, captions)
