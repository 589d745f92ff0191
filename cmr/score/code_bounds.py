"""How far the scores of two blocks may be from what products of their codes say: see `codes`."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from cmr.score.codes import Codes, Lengths, Terms

# A bound of a score is put together by ten float32 operations; each errs by 2^-24 of the sizes that
# enter it at most.
ROUNDINGS = 16 * 2.0**-24
# More than float32 loses in a sum of products where a number is too small for a normal one.
SUBNORMAL = 1e-30


class Screen(NamedTuple):
    """What bounds the scores of two blocks, beside the products of their codes.

    `rows`: (4, texts): scale, shift, length of the error, length of the codes. `columns`:
    (4, visuals): scale, shift, length of the rest, length of the error. A score is within
    error · rest + length · error + `slack` of product · scale · scale + shift + shift.
    """

    rows: Terms
    columns: Terms
    slack: Any

    @property
    def reach(self) -> float:
        """The largest bound of a score in these blocks."""
        (_, _, error, coded), (_, _, rest, lost) = self.rows, self.columns
        if not len(error) or not len(rest):
            return 0.0
        return float(error.max() * rest.max() + coded.max() * lost.max() + self.slack)


def bounded(
    left: Codes, right: Codes, along: tuple[Lengths, Lengths, float], sums: float = 0.0
) -> Screen:
    """The terms of two blocks' vectors and their codes.

    `along`: (texts,) products of the texts with the visuals' mean, (visuals,) of the visuals with
    the texts', and of both means, in float64. `sums`: by what share of the lengths of two vectors'
    codes their product may err; codes that are whole numbers are summed exactly.
    """
    a, b = left.lost, right.lost
    # r·m' of a text is v·m' - m·m'.
    across, down = along[0] - along[2], along[1]
    missing = b.error + sums * b.coded
    sizes = (
        (a.coded, b.coded), (a.error, b.rest), (a.coded, missing),
        (np.abs(across), np.ones(1)), (np.ones(1), np.abs(down)),
    )  # fmt: skip
    size = sum(float(x.max(initial=0.0) * y.max(initial=0.0)) for x, y in sizes)
    rows = (left.scales, across, _up(a.error), _up(a.coded))
    columns = (right.scales, down, _up(b.rest), _up(missing))
    return Screen(
        np.stack(rows).astype(np.float32),
        np.stack(columns).astype(np.float32),
        np.float32(ROUNDINGS * size + SUBNORMAL),
    )


def _up(lengths: Lengths) -> Terms:
    """Lengths in float32, none of them shorter."""
    return np.nextafter(lengths.astype(np.float32), np.float32(np.inf))
