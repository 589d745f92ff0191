"""Exact search by torch: tiles of products, and the best of each row over them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import numpy as np
import torch

from cmr.represent.precisions import Encoded
from cmr.score.kernels import Kernel, choose
from cmr.score.search.indexes import ROOM, Ordinals, Scores, joined

# Gallery items of a tile of torch's products: with a batch of queries it stays in the cache.
TILE = 4096


class TorchGallery:
    """A gallery as torch holds it: an operand of products, and its scales where they have any."""

    metric = "ip"
    _items: torch.Tensor
    _scales: torch.Tensor | None

    @property
    def index_bytes(self) -> int:
        """Bytes of the operand and of its scales."""
        held = self._items.numel() * self._items.element_size()
        return held + (0 if self._scales is None else 4 * len(self._scales))


class TorchSearcher(TorchGallery):
    """Exact search by tiles of torch's products, as `cmr evaluate` multiplies them."""

    def __init__(self, items: Encoded, room: int = ROOM, device: str = "cpu") -> None:
        """Hold the gallery as the kernel of its precision multiplies it."""
        self._kernel: Kernel = choose(items.precision, items.dim, device)
        self._items = self._kernel.prepare(items)
        self._scales = self._factors(items)
        self._room = room

    def _factors(self, encoded: Encoded) -> torch.Tensor | None:
        if not self._kernel.scaled or self._kernel.sure:
            return None
        return torch.from_numpy(np.array(encoded.scales)).to(self._kernel.device)

    def search(self, queries: Encoded, count: int, threads: int = 0) -> tuple[Ordinals, Scores]:
        """See `Searcher.search`."""
        depth = min(count, len(self._items))
        step = max(1, self._room // (16 * TILE))
        with self._kernel.active():
            parts = [
                self._search(queries.rows(slice(at, at + step)), depth)
                for at in range(0, len(queries), step)
            ]
        return joined(parts, count)

    def _search(self, queries: Encoded, depth: int) -> tuple[Ordinals, Scores]:
        rows, scales = self._kernel.prepare(queries), self._factors(queries)
        index, best = best_of(self._tiles(rows), depth)
        if scales is not None:
            best = best * scales[:, None]
        return index.cpu().numpy(), best.cpu().numpy()

    def _tiles(self, rows: torch.Tensor) -> Iterator[tuple[int, torch.Tensor]]:
        for first in range(0, len(self._items), TILE):
            last = min(len(self._items), first + TILE)
            tile = self._kernel.tile(rows, self._items[first:last]).to(torch.float32)
            if self._scales is not None:
                tile *= self._scales[first:last]
            yield first, tile


def at_least(held: torch.Tensor | None, count: int, like: torch.Tensor) -> torch.Tensor:
    """`held` if it has room for `count` numbers, else new room of the type and device of `like`.

    To keep it pays: memory that is new for every batch takes longer than the products in it.
    """
    return like.new_empty(count) if held is None or len(held) < count else held


def best_of(
    tiles: Iterable[tuple[int, torch.Tensor]], depth: int
) -> tuple[torch.Tensor, torch.Tensor]:
    """The `depth` largest of each row over all tiles: their columns and values, largest first.

    `tiles`: the place of a tile's first column, and the tile, (rows, columns) float32.
    """
    best: torch.Tensor | None = None
    for first, tile in tiles:
        found = torch.topk(tile, min(depth, tile.shape[1]))
        where = found.indices + first
        if best is None:
            best, index = found.values, where
            continue
        best, index = torch.cat([best, found.values], 1), torch.cat([index, where], 1)
        top = torch.topk(best, min(depth, best.shape[1]))
        best, index = top.values, index.gather(1, top.indices)
    assert best is not None
    return index, best
