"""Search in a gallery of codes by queries of floats, as a service does it.

They were not coded (asymmetric scoring), or stand for codes that are not compared as they are. The
gallery is held as its codes. What turns codes into numbers is moved to the side that is
smaller: a factor and an offset of a dimension go into the query, a scale of a vector into the
products. So a tile of codes need only be widened to float32, which a batch of queries pays once.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator

import numpy as np
import torch

from cmr.precision import FLOAT32, precision_of
from cmr.represent.precisions import Encoded, to_floats, to_integers
from cmr.represent.quantizers import Quantizer
from cmr.represent.unit_vectors import Floats
from cmr.score.kernels import float32_products
from cmr.score.search.indexes import Ordinals, Scores, joined
from cmr.score.search.torch_index import TorchGallery, at_least, best_of

# Codes that are widened at a time: they and their products stay in the cache.
TILE = 512
# Gallery items between two choices of the best, and bytes of products at a time.
STRETCH = 65_536
ROOM = 64 * 2**20


class AsymmetricSearcher(TorchGallery):
    """Exact search of what codes stand for, by float32 products with queries of floats."""

    def __init__(
        self,
        items: Encoded,
        quantizer: Quantizer,
        device: str = "cpu",
        read: Callable[[Encoded], Floats] | None = None,
    ) -> None:
        """Hold the gallery as its codes, a byte a dimension at least; product codes as floats.

        `read`: stored queries as they are multiplied, (n, d) float32; without it they are fp32, and
        what the gallery's quantiser makes of them.
        """
        self._device = device
        self._read = read or (lambda block: quantizer.ask(to_floats(block), items.precision))
        row = precision_of(items.precision)
        if row.is_integer:
            held = torch.from_numpy(np.ascontiguousarray(to_integers(items)))
        else:
            read_out = quantizer.decode if row.parts else to_floats
            floats = torch.from_numpy(np.ascontiguousarray(read_out(items)))
            held = floats.to(getattr(torch, row.held or FLOAT32))
        self._items = held.to(device)
        self._scales = None
        self._held = threading.local()
        if quantizer.ranges is None and row.is_integer and row.has_scale:
            self._scales = torch.from_numpy(np.array(items.scales)).to(device)
        self._factor, self._offset = quantizer.affine(items.precision, items.dim)

    def __len__(self) -> int:
        return len(self._items)

    def search(self, queries: Encoded, count: int, threads: int = 0) -> tuple[Ordinals, Scores]:
        """See `Searcher.search`; the queries are what `read` takes."""
        asked = self._read(queries)
        step = max(1, ROOM // (4 * min(STRETCH, len(self))))
        with float32_products("ieee"):
            parts = [
                self._search(asked[at : at + step], min(count, len(self)))
                for at in range(0, len(asked), step)
            ]
        return joined(parts, count)

    def _search(self, asked: Floats, depth: int) -> tuple[Ordinals, Scores]:
        rows = torch.from_numpy(np.ascontiguousarray(asked * self._factor)).to(self._device)
        index, best = best_of(self._stretches(rows), depth)
        scores = best.cpu().numpy()
        if self._offset is not None:
            scores = scores + (asked @ self._offset)[:, None]
        return index.cpu().numpy(), scores

    def _stretches(self, rows: torch.Tensor) -> Iterator[tuple[int, torch.Tensor]]:
        """Products of the queries with the gallery, (queries, up to STRETCH) at a time."""
        held = getattr(self._held, "room", None)
        self._held.room = room = at_least(held, len(rows) * min(STRETCH, len(self)), rows)
        for first in range(0, len(self), STRETCH):
            last = min(len(self), first + STRETCH)
            products = room[: len(rows) * (last - first)].view(len(rows), -1)
            for at in range(first, last, TILE):
                end = min(last, at + TILE)
                tile = self._items[at:end].to(torch.float32)
                torch.mm(rows, tile.T, out=products[:, at - first : end - first])
            if self._scales is not None:
                products *= self._scales[first:last]
            yield first, products
