"""torch as a service would search a gallery that fits: one product, one topk.

`cmr.score.searchers.TorchSearcher` cuts galleries into tiles, which large ones want. On small ones,
and for single queries, cutting and merging costs more than the search, which would be held against
torch.
"""

from __future__ import annotations

import contextlib
import weakref

import numpy as np
import torch

from cmr.represent.precisions import Encoded
from cmr.score.searchers import Ordinals, Scores, TorchSearcher

# Up to so many items one product is as quick as tiles for batches.
LARGEST = 65_536
# Bytes of products at a time.
ROOM = 64 * 2**20


class OneProduct(TorchSearcher):
    """Exact search by the products that `cmr evaluate` takes for a precision."""

    def __init__(self, items: Encoded, device: str = "cpu") -> None:
        """Hold the gallery as its kernel multiplies it.

        The precision of float32 products is set for the whole process while the index is there:
        to set it for every query costs more than a query.
        """
        super().__init__(items, device=device)
        self._rooms: dict[str, torch.Tensor] = {}
        self._rows = max(1, ROOM // (4 * max(1, len(items))))
        # Held as long as the index is, for a context that nothing holds is left at once.
        stack = contextlib.ExitStack()
        stack.enter_context(self._kernel.active())
        weakref.finalize(self, stack.close)

    def _space(self, name: str, rows: int, kind: torch.dtype) -> torch.Tensor | None:
        """Room for a batch's products that is kept: new memory each time takes longer than they."""
        if rows == 1:
            return None
        held = self._rooms.get(name)
        if held is None or len(held) < rows:
            held = torch.empty((rows, len(self._items)), dtype=kind, device=self._items.device)
            self._rooms[name] = held
        return held[:rows]

    def search(self, queries: Encoded, count: int, threads: int = 0) -> tuple[Ordinals, Scores]:
        """As `Searcher.search`; the gallery has at least `count` items."""
        if len(queries) <= self._rows:
            return self._search(queries, count)
        parts = [
            self._search(queries.rows(slice(at, at + self._rows)), count)
            for at in range(0, len(queries), self._rows)
        ]
        return np.concatenate([part[0] for part in parts]), np.concatenate(
            [part[1] for part in parts]
        )

    def _search(self, queries: Encoded, depth: int) -> tuple[Ordinals, Scores]:
        rows = self._kernel.prepare(queries)
        plain = self._kernel.operand == "float32" and not self._kernel.split
        if plain or (self._kernel.operand == "int8" and self._kernel.device == "cpu"):
            multiply = torch.mm if plain else torch._int_mm
            kind = torch.float32 if plain else torch.int32
            products = multiply(rows, self._items.T, out=self._space("products", len(rows), kind))
        else:
            products = self._kernel.tile(rows, self._items)
        if self._scales is not None:
            room = self._space("scores", len(rows), torch.float32)
            products = torch.mul(products, self._scales, out=room)
        found = torch.topk(products, depth)
        values = found.values
        scales = self._factors(queries)
        if scales is not None:
            values = values * scales[:, None]
        return found.indices.cpu().numpy(), values.cpu().numpy()
