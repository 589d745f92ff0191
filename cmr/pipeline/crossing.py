"""Cross-fitting a run: each fold of its queries is scored by what was learnt without it."""

from __future__ import annotations

from dataclasses import replace

from cmr.pipeline.case import Case, Scored
from cmr.pipeline.derive import Deriver, Part, Representation
from cmr.pipeline.folds import Fold, folds_of
from cmr.pipeline.judged_data import JudgedData
from cmr.pipeline.request import Request
from cmr.pipeline.scoring import Scorer
from cmr.progressbar import Advance
from cmr.sources.collection import VISUAL


class Crossing:
    """The folds of one request on one data set."""

    def __init__(self, data: JudgedData, deriver: Deriver, request: Request) -> None:
        """`deriver`: fits bases and quantisers."""
        self._data, self._deriver, self._request = data, deriver, request
        self._folds: dict[tuple[str, int], list[Fold]] = {}

    def count(self, case: Case, direction: str) -> int:
        """The number of folds to score a case in; 0 if it was not fitted to the scored data.

        A graph would have to be built for every fold, so graphs are for --fit-on only. An engine
        that learns from nothing but what it holds cannot leave anything out.
        """
        return len(self._of(case, direction))

    def _of(self, case: Case, direction: str) -> list[Fold]:
        search = case.search
        if search.kind.is_graph or (search.learns and not search.kind.learns_apart):
            return []
        if not self._deriver.in_folds(case.made, search.learns):
            return []
        asked = self._request.folds
        count = self._deriver.fold_count(case.made) if asked is None else asked
        if count == 0:
            return []
        key = direction, count
        if key not in self._folds:
            from cmr.score.groups import GroupedJudged
            from cmr.score.rank_rows import places

            place = places(self._data.ids[VISUAL])
            judged = self._data.judged[direction]
            if isinstance(judged, GroupedJudged):
                # What a fold may not learn from are the captions.
                judged = judged.captions
            self._folds[key] = folds_of(judged, direction, place, self._request.seed, count)
        return self._folds[key]

    def score(
        self, case: Case, direction: str, scored: Scored, scorer: Scorer, advance: Advance
    ) -> None:
        """Add every fold's counts and lists to a run's result."""
        judged = self._data.judged[direction]
        found: list[tuple[Fold, Scored]] = []
        for fold in self._of(case, direction):
            part = self._part(case.made, fold)
            fine = None if case.fine is None else self._part(case.fine, fold)
            held_out = replace(case, part=part, fine_part=fine)
            mine = {direction: fold.part_of(judged)}
            one = scorer.score(held_out, mine, None, advance)[direction]
            if one.lists is None and self._request.hits:
                asking = mine[direction].asking
                one.hits = scorer.top(held_out, direction, self._request.hits, asking)
            found.append((fold, one))
        scored.held_out = found

    def _part(self, made: Representation, fold: Fold) -> Part:
        return self._deriver.part(made, self._request.seed, fold)
