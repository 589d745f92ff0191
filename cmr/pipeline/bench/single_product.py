"""torch as a service would search a gallery that fits: one product, one topk.

`cmr.score.search.torch_index.TorchSearcher` cuts galleries into tiles, which large ones need. For
small galleries and single queries, cutting and merging costs more than the search itself, which
would make torch look slow.
"""

from __future__ import annotations

import contextlib
import threading
import weakref
from collections.abc import Callable
from functools import partial
from typing import Any

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
        # Room for products, of each thread that searches.
        self._held = threading.local()
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

    def ready(self, queries: Encoded, count: int, threads: int = 0) -> Callable[[], Any]:
        """See `Ready`; torch takes tensors."""
        if len(queries) > self._rows:
            return partial(self.search, queries, count)
        return partial(self._best, self._kernel.prepare(queries), self._factors(queries), count)

    def _search(self, queries: Encoded, depth: int) -> tuple[Ordinals, Scores]:
        return self._best(self._kernel.prepare(queries), self._factors(queries), depth)

    def _best(
        self, rows: torch.Tensor, scales: torch.Tensor | None, depth: int
    ) -> tuple[Ordinals, Scores]:
        products = self._multiply(rows)
        if self._scales is not None:
            products = self._scaled(products, self._scales)
        found = torch.topk(products, depth)
        values = found.values
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
        room = at_least(getattr(self._held, "products", None), count, kernel.empty(0, 0))
        self._held.products = room
        return kernel.tile(rows, items, room)

    def _scaled(self, products: torch.Tensor, scales: torch.Tensor) -> torch.Tensor:
        if len(products) == 1:
            return products * scales
        room = at_least(getattr(self._held, "scores", None), products.numel(), scales)
        self._held.scores = room
        return torch.mul(products, scales, out=room[: products.numel()].view(products.shape))
