"""How much memory a request would take, checked before anything is written."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from cmr.errors import CmrError
from cmr.memory import LEAST, for_scoring
from cmr.pipeline.judged_data import JudgedData
from cmr.pipeline.request import Request
from cmr.pipeline.search import Search
from cmr.sources.collection import TEXT, VISUAL

if TYPE_CHECKING:
    from cmr.pipeline.fits import Wanted

# A basis takes a float64 matrix, its factor Q, and LAPACK's workspace for both.
_BASIS_BYTES = 24
# Per pair of a drawn pool: two counts while counting, and their two sums, 4 bytes each.
_DRAWN_BYTES = 16
# Per item of a list: ordinals from the search and from the exact one, and their scores.
_LISTED_BYTES = 32
# Per edge of a graph, whose lowest layer has twice as many per node as the others.
_EDGE_BYTES = 10


def check_memory(
    request: Request,
    data: JudgedData,
    wanted: Iterable[Wanted],
    searches: Sequence[Search],
    native: int,
) -> None:
    """Raise CmrError, with what would be possible, if the request does not fit into `--memory`.

    The default is what `cmr evaluate` takes by itself: a quarter of the machine's memory.
    """
    budget = request.memory or for_scoring()
    if budget < LEAST:
        raise CmrError(f"--memory must be at least {LEAST // 2**20} MiB")
    rows = max(len(data.ids[TEXT]), len(data.ids[VISUAL]))

    def check(option: str, given: int, one: int, what: str) -> None:
        if given * one > budget:
            raise CmrError(
                f"{option} {given} would take {_size(given * one)} for {what}; "
                f"--memory of {_size(budget)} allows up to {max(0, budget // one)}"
            )

    for dim in sorted({one.dim for one in wanted if one.dim > native}):
        check("--dims", dim, native * _BASIS_BYTES, "a basis")
    pairs = max((len(judged.query) for judged in data.judged.values()), default=0)
    if request.pool_sizes:
        one = max(1, pairs * len(request.pool_sizes) * _DRAWN_BYTES)
        check("--draws", request.draws, one, "the counts of its pools")
    for judged in data.judged.values():
        longest = [search.depth for search in searches if search.length is not None]
        depth = min(max([request.hits, *longest]), judged.gallery)
        queries = max(1, judged.asking) * _LISTED_BYTES
        check("--list-length" if longest else "--hits", depth, queries, "the lists")
    for search in searches:
        if search.connectivity is not None:
            check("--connectivity", search.connectivity, rows * _EDGE_BYTES, "the graph")


def _size(count: int) -> str:
    """Bytes as people write them."""
    size = float(count)
    for unit in ("bytes", "KiB", "MiB", "GiB"):
        if size < 1024:
            return f"{size:.0f} {unit}" if unit == "bytes" else f"{size:.1f} {unit}"
        size /= 1024
    return f"{size:.1f} TiB"
