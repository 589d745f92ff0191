"""Products of tiles: the kernel for each precision, and the operands it wants.

Integer codes go through int8 products accumulated in int32. Floats go through float32 products;
bfloat16 through the machine's bfloat16 products with float32 sums where it has them.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from cmr.represent.precisions import INTEGER, Encoded, to_floats, to_integers

TIE_TOLERANCE = 1e-6
CODE_DOUBT = 1e-6
# float32 holds every integer up to 2^24, so it sums int8 products exactly up to this many.
EXACT_IN_FLOAT32 = 2**24


@dataclass(frozen=True)
class Kernel:
    """How the tiles of one precision are multiplied and compared.

    `operand`: int8 or float32 tiles. `scaled`: products are compared times both scales (1 for
    b1), in float64.
    `split`: dimensions whose products float32 can sum exactly; 0 where that is no concern.
    """

    name: str
    precision: str
    operand: str
    scaled: bool
    bf16: bool = False
    split: int = 0

    @property
    def compared(self) -> npt.DTypeLike:
        """Type of the numbers that are compared."""
        return np.float64 if self.scaled else np.float32

    @property
    def sure(self) -> bool:
        """Whether values within the float32 bounds are ties, with nothing left to settle."""
        return not self.scaled or self.precision == "b1"

    def prepare(self, encoded: Encoded) -> torch.Tensor:
        """The (n, d) tensor that this kernel multiplies."""
        if self.precision in INTEGER:
            codes = np.ascontiguousarray(to_integers(encoded))
            if self.operand == "float32":
                return torch.from_numpy(codes.astype(np.float32))
            return torch.from_numpy(codes)
        return torch.from_numpy(np.ascontiguousarray(to_floats(encoded)))

    def empty(self, rows: int, columns: int) -> torch.Tensor:
        """Room for a tile of products."""
        kind = torch.int32 if self.operand == "int8" else torch.float32
        if self.split:
            kind = torch.float64
        return torch.empty((rows, columns), dtype=kind)

    def tile(self, rows: torch.Tensor, columns: torch.Tensor, room: torch.Tensor) -> torch.Tensor:
        """rows @ columns.T, (n, d) x (m, d) -> (n, m), in the front of `room`."""
        out = room.view(-1)[: len(rows) * len(columns)].view(len(rows), len(columns))
        if self.operand == "int8":
            return torch._int_mm(rows, columns.T, out=out)
        if self.split:
            out.zero_()
            for at in range(0, rows.shape[1], self.split):
                part = slice(at, at + self.split)
                out += torch.mm(rows[:, part], columns[:, part].T)
            return out
        return torch.mm(rows, columns.T, out=out)

    @contextlib.contextmanager
    def active(self) -> Iterator[None]:
        """Switch bfloat16 products on for the time of the scoring, and off again."""
        matmul: Any = torch.backends.mkldnn.matmul  # type: ignore[attr-defined]
        before = matmul.fp32_precision
        matmul.fp32_precision = "bf16" if self.bf16 else "ieee"
        try:
            yield
        finally:
            matmul.fp32_precision = before

    def values(
        self,
        products: npt.NDArray[np.generic],
        row_scales: npt.NDArray[np.float32] | None,
        column_scales: npt.NDArray[np.float32] | None,
    ) -> npt.NDArray[np.generic]:
        """The numbers that are compared: products as they are, or times both scales, float64."""
        if row_scales is None or column_scales is None:
            return products
        return products.astype(np.float64) * column_scales * row_scales

    def bounds(
        self, values: npt.NDArray[np.floating[Any]]
    ) -> tuple[npt.NDArray[np.floating[Any]], npt.NDArray[np.floating[Any]]]:
        """`high` and `low` of every threshold: 1e-6 apart from it for floats, else itself."""
        if self.precision in INTEGER:
            return values, values
        tolerance = np.float32(TIE_TOLERANCE)
        return values + tolerance, values - tolerance

    def fast_bounds(
        self, values: npt.NDArray[np.floating[Any]]
    ) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.float32]]:
        """float32 bounds that hold every score in doubt.

        Three roundings put a float32 score of codes within 2e-7 of its size; b1's are integers.
        """
        if not self.scaled:
            high, low = self.bounds(values)
            return high.astype(np.float32), low.astype(np.float32)
        doubt = np.abs(values) * (0.0 if self.precision == "b1" else CODE_DOUBT)
        return (values + doubt).astype(np.float32), (values - doubt).astype(np.float32)


def choose(precision: str, dim: int) -> Kernel:
    """The fastest exact kernel for a precision on this machine's CPU."""
    if precision in INTEGER:
        if int8_is_exact():
            return Kernel("int8-mm", precision, "int8", scaled=True)
        limit = {"int8": 127, "int4": 7, "b1": 1}[precision]
        exact = EXACT_IN_FLOAT32 // (limit * limit)
        return Kernel(
            "float32-mm-of-codes", precision, "float32", True, split=exact if dim > exact else 0
        )
    if precision == "bf16" and bf16_sums_in_float32():
        return Kernel("bf16-mm", precision, "float32", False, bf16=True)
    return Kernel("float32-mm", precision, "float32", False)


@cache
def int8_is_exact() -> bool:
    """Whether int8 products survive extreme codes; without VNNI pairs of them may saturate."""
    for sign in (1, -1):
        left = torch.full((64, 1024), 127, dtype=torch.int8)
        right = torch.full((64, 1024), 127 * sign, dtype=torch.int8)
        try:
            got = torch._int_mm(left, right.T)
        except RuntimeError:
            return False
        if not bool((got == 127 * 127 * 1024 * sign).all()):
            return False
    return True


@cache
def bf16_sums_in_float32() -> bool:
    """Whether the bfloat16 product of float32 tiles exists here and keeps float32 sums."""
    generator = torch.Generator().manual_seed(0)
    tile = torch.nn.functional.normalize(torch.randn(64, 512, generator=generator))
    tile = tile.bfloat16().float()
    exact = tile.double() @ tile.double().T
    matmul: Any = torch.backends.mkldnn.matmul  # type: ignore[attr-defined]
    before = matmul.fp32_precision
    try:
        matmul.fp32_precision = "bf16"
        error = (torch.mm(tile, tile.T).double() - exact).abs().max()
    except RuntimeError:
        return False
    finally:
        matmul.fp32_precision = before
    return bool(error < TIE_TOLERANCE / 2)
