"""Products of tiles: the kernel for each precision, and the operands it wants.

Integer codes go through int8 products accumulated in int32. Floats go through float32 products;
bfloat16 through the machine's bfloat16 products with float32 sums where it has them, and on
devices float16 likewise. What a machine or device claims to have is tried before it is used.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cache
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from cmr.errors import CmrError
from cmr.precision import BFLOAT16, FLOAT32, FP32, INT8, INTEGER, TIE_TOLERANCE, precision_of
from cmr.represent.precisions import Encoded, to_floats, to_integers

CODE_DOUBT = 1e-6
# Half the distance of two float32 numbers, relative to their size.
UNIT_ROUNDOFF = 2.0**-24
# A float32 sum of 512 products errs by about 1e-7, seldom by 1e-6; TF32 by more than 1e-5.
TRIAL_ERROR = 4e-6
# What an addition in a CPU's bfloat16 product may err, in units of a float32 one.
BF16_ROUNDINGS = 2
# float32 holds every integer up to 2^24, so it sums int8 products exactly up to this many.
EXACT_IN_FLOAT32 = 2**24


@dataclass(frozen=True)
class Kernel:
    """How the tiles of one precision are multiplied and compared.

    `operand`: int8, float32, float16 or bfloat16 tiles. `scaled`: products of codes, compared
    times both scales (1 for b1). `error`: the most by which a product of unit vectors may err.
    `split`: dimensions whose products float32 can sum exactly; 0 where that is no concern.
    `popcount`: whether the CPU counts the bits that differ instead of multiplying int8, in tiles.
    `screened`: whether products of codes tell most scores apart: `cmr.score.code_bounds`.
    """

    name: str
    precision: str
    operand: str
    scaled: bool
    bf16: bool = False
    split: int = 0
    device: str = "cpu"
    error: float = 0.0
    screened: bool = False
    popcount: bool = False

    @property
    def sure(self) -> bool:
        """Whether values within the float32 bounds are ties, with nothing left to settle."""
        return precision_of(self.precision).is_binary

    def prepare(self, encoded: Encoded) -> torch.Tensor:
        """The (n, d) tensor that this kernel multiplies, on its device.

        int8 on devices is padded with zeros to a multiple of 8 dimensions, as they ask for.
        """
        if self.precision in INTEGER:
            operand = torch.from_numpy(np.ascontiguousarray(to_integers(encoded)))
        elif self.device != "cpu" and encoded.data.dtype == np.float16:
            # A device makes other floats of them much faster than a CPU does.
            operand = torch.from_numpy(np.ascontiguousarray(encoded.data))
        else:
            operand = torch.from_numpy(np.ascontiguousarray(to_floats(encoded)))
        operand = operand.to(self.device).to(getattr(torch, self.operand))
        if self.operand == INT8 and self.device != "cpu":
            return torch.nn.functional.pad(
                operand, (0, _padded(operand.shape[1]) - operand.shape[1])
            )
        return operand

    def empty(self, rows: int, columns: int) -> torch.Tensor:
        """Room for a tile of products."""
        kind = torch.int32 if self.operand == INT8 or self.split else torch.float32
        return torch.empty((rows, columns), dtype=kind, device=self.device)

    def tile(
        self, rows: torch.Tensor, columns: torch.Tensor, room: torch.Tensor | None = None
    ) -> torch.Tensor:
        """rows @ columns.T, (n, d) x (m, d) -> (n, m), in the front of `room` if given."""
        if room is None:
            room = self.empty(len(rows), len(columns))
        out = room.view(-1)[: len(rows) * len(columns)].view(len(rows), len(columns))
        if self.operand == INT8:
            if self.device != "cpu":
                return _padded_int_mm(rows, columns)
            return torch._int_mm(rows, columns.T, out=out)
        if self.split:
            out.zero_()
            for at in range(0, rows.shape[1], self.split):
                part = slice(at, at + self.split)
                out += torch.mm(rows[:, part], columns[:, part].T).to(torch.int32)
            return out
        if self.operand != FLOAT32:
            return torch.mm(rows, columns.T, out_dtype=torch.float32, out=out)
        return torch.mm(rows, columns.T, out=out)

    @contextlib.contextmanager
    def active(self) -> Iterator[None]:
        """Set the precision of float32 products for the time of the scoring, and set it back."""
        with float32_products("bf16" if self.bf16 else "ieee"):
            yield

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
        self, values: npt.NDArray[np.float64]
    ) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
        """`high` and `low` of every threshold: 1e-6 apart from it for floats, else itself."""
        if self.precision in INTEGER:
            return values, values
        return values + TIE_TOLERANCE, values - TIE_TOLERANCE

    def fast_bounds(
        self, values: npt.NDArray[np.float64]
    ) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.float32]]:
        """float32 bounds around those that hold every score in doubt.

        Three roundings put a float32 score of codes within 2e-7 of its size; b1's are integers.
        """
        high, low = self.bounds(values)
        doubt = np.full(len(values), self.error)
        if self.scaled and not self.sure:
            doubt = np.abs(values) * CODE_DOUBT
        return (high + doubt).astype(np.float32), (low - doubt).astype(np.float32)


def choose(precision: str, dim: int, device: str = "cpu") -> Kernel:
    """The fastest exact kernel for a precision on this machine's CPU, or on a device.

    Raises CmrError if the device's float32 products are too coarse for the tie tolerance.
    """
    row = precision_of(precision)
    if row.is_integer:
        if int8_is_exact(device, dim):
            return Kernel("int8-mm", precision, INT8, scaled=True, device=device)
        exact = EXACT_IN_FLOAT32 // (row.half * row.half)
        split = exact if dim > exact else 0
        name = "float32-mm-of-codes"
        return Kernel(name, precision, FLOAT32, True, split=split, device=device)
    error = worst_error(dim) * row.growth
    plain = Kernel("float32-mm", precision, FLOAT32, False, device=device, error=error)
    if device == "cpu":
        if row.operand == BFLOAT16 and bf16_sums_in_float32():
            return replace(plain, name="bf16-mm", bf16=True, error=worst_error(dim, BF16_ROUNDINGS))
        return plain
    if row.operand != FLOAT32 and sums_in_float32(row.operand, device):
        # Their matrix units cut digits off where others round, and keep fewer of them in between.
        name, error = f"{precision}-mm", worst_error(dim, 4)
        return Kernel(name, precision, row.operand, False, device=device, error=error)
    if not sums_in_float32(FLOAT32, device):
        raise CmrError(f"float32 products on {device} are too coarse; --device cpu is exact")
    return plain


def worst_error(dim: int, roundings: int = 1) -> float:
    """The most by which a float32 sum of `dim` products of unit vectors errs, in any order.

    Higham, Accuracy and Stability of Numerical Algorithms, 2nd ed., section 3.1: n u |a||b|. A
    hundredth more is for vectors that half types left a little longer than 1, 1e-7 for the
    rounding of the bounds. `roundings`: of an addition, in units of a float32 one.
    """
    return 1.01 * dim * roundings * UNIT_ROUNDOFF + 1e-7


@contextlib.contextmanager
def float32_products(precision: str) -> Iterator[None]:
    """ieee or bf16 products of float32 tiles; on CUDA always ieee, so never TF32."""
    cpu: Any = torch.backends.mkldnn.matmul  # type: ignore[attr-defined]
    cuda: Any = torch.backends.cuda.matmul
    before = cpu.fp32_precision, cuda.fp32_precision
    cpu.fp32_precision, cuda.fp32_precision = precision, "ieee"
    try:
        yield
    finally:
        cpu.fp32_precision, cuda.fp32_precision = before


def _padded_int_mm(rows: torch.Tensor, columns: torch.Tensor) -> torch.Tensor:
    """int8 products on a device, which wants more than 16 rows and a multiple of 8 columns."""
    height, width = len(rows), len(columns)
    rows = torch.nn.functional.pad(rows, (0, 0, 0, max(0, 32 - height)))
    columns = torch.nn.functional.pad(columns, (0, 0, 0, max(0, 32 - width, -width % 8)))
    return torch._int_mm(rows, columns.T)[:height, :width]


def _padded(dim: int) -> int:
    """Dimensions of int8 codes on a device."""
    return dim + -dim % 8


@cache
def int8_is_exact(device: str = "cpu", dim: int = 1024) -> bool:
    """Whether int8 products survive extreme codes; without VNNI pairs of them may saturate.

    Of as many dimensions as will be multiplied: with one, PyTorch 2.11 is wrong on CPUs.
    """
    wide = dim if device == "cpu" else _padded(dim)
    for one, other in ((127, 127), (127, -128), (-128, -128)):
        left = torch.full((64, wide), one, dtype=torch.int8, device=device)
        right = torch.full((64, wide), other, dtype=torch.int8, device=device)
        try:
            got = torch._int_mm(left, right.T).cpu()
        except RuntimeError:
            return False
        if not bool((got == one * other * wide).all()):
            return False
    return True


@cache
def bf16_sums_in_float32() -> bool:
    """Whether the CPU's bfloat16 product of float32 tiles exists and keeps float32 sums."""
    kernel = Kernel("trial", FP32, FLOAT32, False, bf16=True)
    return _product_error(kernel, torch.bfloat16) < TRIAL_ERROR


@cache
def sums_in_float32(operand: str, device: str) -> bool:
    """Whether a device's products of such tiles are as good as float32 sums."""
    kernel = Kernel("trial", FP32, operand, False, device=device)
    return _product_error(kernel, getattr(torch, operand)) < TRIAL_ERROR


def _product_error(kernel: Kernel, kind: torch.dtype) -> float:
    """The largest error of a tile of unit vectors, or infinity where there is no such product."""
    generator = torch.Generator().manual_seed(0)
    vectors = torch.nn.functional.normalize(torch.randn(64, 512, generator=generator)).to(kind)
    exact = vectors.double() @ vectors.double().T
    operand = vectors.to(kernel.device).to(getattr(torch, kernel.operand))
    try:
        with kernel.active():
            found = kernel.tile(operand, operand).cpu().double()
    except (RuntimeError, TypeError, NotImplementedError):
        return float("inf")
    return float((found - exact).abs().max())
