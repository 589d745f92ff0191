"""What is known of each pair while a direction is counted, and its final counts."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import numpy.typing as npt

from cmr.score.judgments import Judged

if TYPE_CHECKING:
    from cmr.score.kernels import Kernel

Int64 = npt.NDArray[np.int64]
Array = npt.NDArray[Any]
# A count that is not known, in the place of NULL: of an item that a search did not return.
UNKNOWN = -1


class Bounds(NamedTuple):
    """Thresholds that scores are compared with, arrays of one shape, a threshold a relevant pair.

    A float32 score above `fast_high` is above, one below `fast_low` is not, and those between are
    tied where the kernel is sure. Where it is not, float64 scores settle them: above `high` is
    above, from `low` to `high` is tied.
    """

    fast_high: Array
    fast_low: Array
    high: Array
    low: Array


class Counts(NamedTuple):
    """How many scores lie above a pair's threshold and how many are tied with it; added to."""

    more: Array
    tied: Array


@dataclass(frozen=True)
class Counted:
    """The result for one direction; every array is (pairs,) in the order of its `Judged`.

    `above`, `tied`: non-relevant gallery items. `relevants_above`, `relevants_tied`: the query's
    other relevant items. `scores`: float32 similarities of the pairs. `sampled_above` and
    `sampled_tied`: (draws, C, pairs), the same within the drawn pools, C ascending. A search that
    returns lists leaves UNKNOWN what lies beyond them; see `cmr.score.search.returned_lists`.
    """

    judged: Judged
    scores: npt.NDArray[np.float32]
    above: Int64
    tied: Int64
    relevants_above: Int64
    relevants_tied: Int64
    sampled_above: npt.NDArray[np.int32]
    sampled_tied: npt.NDArray[np.int32]


class Tally:
    """Running counts of one direction. Tallies over parts of a gallery add up to the whole's."""

    def __init__(
        self,
        judged: Judged,
        kernel: Kernel,
        values: npt.NDArray[np.float64],
        draws: int,
        sizes: int,
    ) -> None:
        """`values`: (pairs,) thresholds. `draws`, `sizes`: how many pools a query has."""
        pairs = len(judged.query)
        self.judged = judged
        self.exact = values
        self.bounds = Bounds(*kernel.fast_bounds(values), *kernel.bounds(values))
        self.more = np.zeros(pairs, dtype=np.int64)
        self.tied = np.zeros(pairs, dtype=np.int64)
        self.relevant_more = np.zeros(pairs, dtype=np.int64)
        self.relevant_tied = np.zeros(pairs, dtype=np.int64)
        self.drawn_more = np.zeros((draws, sizes, pairs), dtype=np.int32)
        self.drawn_tied = np.zeros((draws, sizes, pairs), dtype=np.int32)

    def add(self, other: Tally) -> None:
        """Add the counts of another part of the gallery, for the same pairs and thresholds."""
        for name in ("more", "tied", "relevant_more", "relevant_tied"):
            getattr(self, name)[:] += getattr(other, name)
        self.drawn_more += other.drawn_more
        self.drawn_tied += other.drawn_tied

    def result(self, scores: npt.NDArray[np.float32]) -> Counted:
        """The counts of competitors: relevant items taken off, pools summed over C."""
        relevant_tied = self.relevant_tied - 1
        if len(relevant_tied) and relevant_tied.min() < 0:
            raise RuntimeError("a relevant item does not tie with itself: the kernel is not exact")
        return Counted(
            self.judged,
            scores,
            self.more - self.relevant_more,
            self.tied - self.relevant_tied,
            self.relevant_more,
            relevant_tied,
            np.cumsum(self.drawn_more, axis=1, dtype=np.int32),
            np.cumsum(self.drawn_tied, axis=1, dtype=np.int32),
        )
