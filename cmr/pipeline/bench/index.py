"""An index as it is timed: a searcher, and optionally a second stage of finer vectors."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import numpy as np
import numpy.typing as npt
import torch

from cmr.errors import CmrError
from cmr.pipeline.bench.measuring_task import Task
from cmr.pipeline.bench.read_codes import Read, coder
from cmr.pipeline.bench.single_product import LARGEST, OneProduct
from cmr.precision import INTEGER, TIE_TOLERANCE, precision_of
from cmr.represent.precisions import Encoded, to_floats, to_integers
from cmr.score.search.asymmetric_index import AsymmetricSearcher
from cmr.score.search.graph_settings import USUAL
from cmr.score.search.indexes import (
    Building,
    Filterable,
    Ordinals,
    Ready,
    Scores,
    Searcher,
)
from cmr.score.search.returned_lists import exact_above
from cmr.score.search.scorer_kinds import scorer_kind
from cmr.score.search.torch_index import TorchSearcher
from cmr.score.search.usearch_index import UsearchHnsw
from cmr.score.tally import UNKNOWN

# Bytes of finer vectors gathered at a time.
ROOM = 64 * 2**20
# Relative error of float32 scores of codes.
ROUNDING = 1e-6


@dataclass(frozen=True)
class StagedQueries:
    """Stored queries, and the same ones at the second stage's precision if there is one."""

    coded: Encoded
    fine: Encoded | None = None

    def __len__(self) -> int:
        return len(self.coded)

    def one(self, row: int) -> StagedQueries:
        """A single query."""
        part = slice(row, row + 1)
        return StagedQueries(self.coded.rows(part), self.fine and self.fine.rows(part))


class Index:
    """Answers queries with their top k, in one stage or in two."""

    def __init__(self, task: Task, searcher: Searcher, fine: Encoded | None, vectors: int) -> None:
        self._task, self._searcher, self._fine = task, searcher, fine
        self._vectors = vectors

    def __len__(self) -> int:
        return self._vectors

    @property
    def approximate(self) -> bool:
        """Whether it may miss what an exact search of the same vectors would find."""
        return not scorer_kind(self._task.scorer).ranks_all and self._fine is None

    @property
    def memory_bytes(self) -> int:
        """Bytes of the gallery in memory."""
        held = self._searcher
        own = held.memory_bytes if isinstance(held, UsearchHnsw) else held.index_bytes
        return own + self._fine_bytes

    @property
    def index_bytes(self) -> int:
        """Bytes of the index if written to disk."""
        return self._searcher.index_bytes + self._fine_bytes

    @property
    def _fine_bytes(self) -> int:
        if self._fine is None:
            return 0
        scaled = precision_of(self._fine.precision).has_scale
        return int(self._fine.data.nbytes + (self._fine.scales.nbytes if scaled else 0))

    def tune(self, expansion_search: int | None) -> None:
        """Set the expansion with which the same graph is searched."""
        if isinstance(self._searcher, UsearchHnsw) and expansion_search is not None:
            self._searcher.tune(expansion_search)

    def search(self, queries: StagedQueries, threads: int) -> tuple[Ordinals, Scores]:
        """Each query's top k, (queries, k) ordinals and similarities."""
        if self._fine is None or queries.fine is None:
            return self._searcher.search(queries.coded, self._task.k, threads)
        depth = min(self._task.depth, self._vectors)
        shortlist, _ = self._searcher.search(queries.coded, depth, threads)
        return rescore(self._fine, queries.fine, shortlist, self._task.k)

    def ready(self, queries: StagedQueries, threads: int) -> Callable[[], object]:
        """A search to be timed: as the library is called by hand, where that is one call."""
        held = self._searcher
        if self._fine is None and isinstance(held, Ready):
            return held.ready(queries.coded, self._task.k, threads)
        return partial(self.search, queries, threads)

    def search_below(self, limit: int) -> None:
        """Search only among what passes; see `Filterable`. Raises CmrError where it has none."""
        if not isinstance(self._searcher, Filterable):
            raise CmrError(f"the scorer {self._task.scorer} says that it filters, and does not")
        self._searcher.search_below(limit)

    def agreement(
        self, queries: StagedQueries, found: tuple[Ordinals, Scores], gallery: Callable[[], Encoded]
    ) -> float:
        """Mean share of the returned top k that has fewer than k items above it in an exact search.

        This is the measure ann_recall: an item that ties with the exact search's last counts.
        `gallery`: the indexed vectors, for an index without an exact search of its own.
        """
        k, index = self._task.k, self._searcher
        if not isinstance(index, UsearchHnsw):
            return exact_share(gallery(), queries.coded, found[0], k)
        exact = index.search(queries.coded, k, self._task.threads, True)[1]
        return _share(found[1], exact, 0.0 if index.of_integers else TIE_TOLERANCE)


def exact_share(items: Encoded, asked: Encoded, found: Ordinals, k: int) -> float:
    """Mean share of the exact top k that lists (queries, any length) have; see `agreement`.

    `found`: ordinals among the items, -1 where a list is shorter.
    """
    scores = rescore(items, asked, found, k)[1]
    exact = rescore(items, asked, TorchSearcher(items).search(asked, k)[0], k)[1]
    largest = float(np.abs(exact[np.isfinite(exact)]).max(initial=0.0))
    return _share(scores, exact, max(TIE_TOLERANCE, ROUNDING * largest))


def _share(scores: Scores, exact: Scores, tolerance: float) -> float:
    above = exact_above(scores.astype(np.float64), exact.astype(np.float64), tolerance)
    there = int(np.isfinite(exact[0]).sum())
    return float((above != UNKNOWN).sum() / (len(scores) * there))


def make_index(
    task: Task,
    gallery: Encoded,
    fine: Encoded | None,
    read: Read | None = None,
    attribute: Ordinals | None = None,
) -> Index:
    """The index of a task over these vectors.

    `read`: see `read_codes.reader`. `attribute`: see `Building`.
    """
    by_plan = scorer_kind(task.scorer).by_plan
    if by_plan and read is not None:
        coded = coder(task.root, task.gallery)
        searcher: Searcher = AsymmetricSearcher(gallery, coded, task.device, read)
    elif by_plan and len(gallery) <= LARGEST:
        searcher = OneProduct(gallery, task.device)
    else:
        how = Building(
            task.hnsw or USUAL, task.threads, device=task.device, options=dict(task.options),
            attribute=attribute,
        )  # fmt: skip
        searcher = scorer_kind(task.scorer).build(gallery, how)
    return Index(task, searcher, fine, len(gallery))


def rescore(
    items: Encoded, queries: Encoded, shortlist: Ordinals, k: int
) -> tuple[Ordinals, Scores]:
    """The best k of every query's shortlist, ranked by finer vectors, (queries, k).

    `shortlist`: (queries, depth) ordinals, -1 where it is shorter.
    """
    width = items.dim * 4 * shortlist.shape[1]
    step = max(1, ROOM // width)
    parts = [
        _rescore(items, queries.rows(slice(at, at + step)), shortlist[at : at + step], k)
        for at in range(0, len(queries), step)
    ]
    return np.concatenate([part[0] for part in parts]), np.concatenate([part[1] for part in parts])


def _rescore(
    items: Encoded, queries: Encoded, shortlist: Ordinals, k: int
) -> tuple[Ordinals, Scores]:
    near = _numbers(items.rows(np.maximum(shortlist, 0).reshape(-1)))
    near = near.view(*shortlist.shape, items.dim)
    scores = torch.bmm(near, _numbers(queries)[:, :, None])[:, :, 0]
    scores[torch.from_numpy(shortlist < 0)] = -torch.inf
    top = torch.topk(scores, min(k, scores.shape[1]))
    index = np.take_along_axis(shortlist, top.indices.numpy(), axis=1)
    return index, top.values.numpy()


def _numbers(encoded: Encoded) -> torch.Tensor:
    """Decoded vectors, (n, d) float32; bits as they are, without a scale."""
    values: npt.NDArray[np.float32]
    if encoded.precision in INTEGER:
        values = to_integers(encoded) * encoded.scales[:, None]
    else:
        values = to_floats(encoded)
    return torch.from_numpy(np.ascontiguousarray(values, dtype=np.float32))
