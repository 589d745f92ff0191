"""torch as a service would search a gallery that fits: one product, one topk.

`cmr.score.search.torch_index.TorchSearcher` cuts galleries into tiles, which large ones need. For
small galleries and single queries, cutting and merging costs more than the search itself, which
would make torch look slow.
"""

from __future__ import annotations

import contextlib
import weakref

import torch

from cmr.precision import FLOAT32, INT8
from cmr.represent.precisions import Encoded
from cmr.score.search.indexes import Ordinals, Scores, joined
from cmr.score.search.torch_index import TorchSearcher, at_least

# Up to this many items, one product is as fast as tiles for batches.
LARGEST = 65_536
# Bytes of products at a time.
ROOM = 64 * 2**20


class OneProduct(TorchSearcher):
    """Exact search by the same products that `cmr evaluate` uses for a precision."""

    def __init__(self, items: Encoded, device: str = "cpu") -> None:
        """Hold the gallery in the form that its kernel multiplies.

        The precision of float32 products is set for the whole process while the index exists:
        setting it for every query would cost more than the query.
        """
        super().__init__(items, device=device)
        self._products: torch.Tensor | None = None
        self._scores: torch.Tensor | None = None
        self._rows = max(1, ROOM // (4 * max(1, len(items))))
        # Held as long as the index: without a reference the context would end at once.
        stack = contextlib.ExitStack()
        stack.enter_context(self._kernel.active())
        weakref.finalize(self, stack.close)

    def search(self, queries: Encoded, count: int, threads: int = 0) -> tuple[Ordinals, Scores]:
        """As `Searcher.search`; the gallery has at least `count` items."""
        if len(queries) <= self._rows:
            return self._search(queries, count)
        parts = [
            self._search(queries.rows(slice(at, at + self._rows)), count)
            for at in range(0, len(queries), self._rows)
        ]
        return joined(parts, count)

    def _search(self, queries: Encoded, depth: int) -> tuple[Ordinals, Scores]:
        rows = self._kernel.prepare(queries)
        products = self._multiply(rows)
        if self._scales is not None:
            products = self._scaled(products, self._scales)
        found = torch.topk(products, depth)
        values = found.values
        scales = self._factors(queries)
        if scales is not None:
            values = values * scales[:, None]
        return found.indices.cpu().numpy(), values.cpu().numpy()

    def _multiply(self, rows: torch.Tensor) -> torch.Tensor:
        kernel, items = self._kernel, self._items
        if len(rows) == 1 and kernel.operand == FLOAT32 and not kernel.split:
            return torch.mm(rows, items.T)
        if len(rows) == 1 and kernel.operand == INT8 and kernel.device == "cpu":
            return torch._int_mm(rows, items.T)
        count = len(rows) * len(items)
        self._products = at_least(self._products, count, kernel.empty(0, 0))
        return kernel.tile(rows, items, self._products)

    def _scaled(self, products: torch.Tensor, scales: torch.Tensor) -> torch.Tensor:
        if len(products) == 1:
            return products * scales
        self._scores = at_least(self._scores, products.numel(), scales)
        return torch.mul(
            products, scales, out=self._scores[: products.numel()].view(products.shape)
        )
