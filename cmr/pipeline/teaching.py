"""What an engine learns from, where it learns lists, centroids or ranges of its own."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from cmr.represent.unit_vectors import Floats


@dataclass(frozen=True)
class Teaching:
    """The vectors that an engine's own codes and lists are learnt from.

    `fit_on`: their data set, and `fit_vectors` how many they are. `set_id`: of the stored set they
    come from. `vectors`: reads them, (n, d) float32; None for those that the index holds.
    """

    fit_on: str
    fit_vectors: int
    set_id: str
    vectors: Callable[[], Floats] | None = None
