"""The scores of the relevant pairs: the thresholds that everything else is compared with."""

# numba compiles these functions from their Python text; it has no type stubs.
# mypy: disable-error-code="untyped-decorator"

from __future__ import annotations

from typing import Any

import numba
import numpy as np
import numpy.typing as npt
import torch

from cmr.score.blocks import Block, Side
from cmr.score.judged import Indices, Judged
from cmr.score.plan import Plan

# Pairs whose vectors are gathered at a time on a device.
GROUP = 16_384


def relevant_values(
    rows: Side, columns: Side, directions: dict[str, Judged], plan: Plan
) -> npt.NDArray[Any]:
    """The compared value of every pair, in the order the pairs came in.

    Codes are summed exactly. Floats are summed in float64 on CPUs and in float32 on devices,
    within 1e-7 of what the tile holds, well inside the tie tolerance.
    """
    name, judged = next(iter(directions.items()))
    text, visual = (judged.query, judged.item) if name == "t2v" else (judged.item, judged.query)
    kernel = plan.kernel
    values: npt.NDArray[Any] = np.zeros(len(text), dtype=kernel.compared)
    for texts in rows:
        for visuals in columns:
            inside = (text >= texts.first) & (text < texts.last)
            inside &= (visual >= visuals.first) & (visual < visuals.last)
            found = np.flatnonzero(inside)
            i, j = text[found] - texts.first, visual[found] - visuals.first
            scales = (texts.scales[i], visuals.scales[j]) if kernel.scaled else (None, None)
            values[found] = kernel.values(_products(texts, visuals, i, j), *scales)
    in_order = np.empty_like(values)
    in_order[judged.order] = values
    return in_order


def _products(texts: Block, visuals: Block, i: Indices, j: Indices) -> npt.NDArray[Any]:
    """Inner products of text i[n] and visual j[n]."""
    a, b = texts.operand, visuals.operand
    if a.device.type != "cpu" or a.dtype not in (torch.float32, torch.int8):
        return _products_on_device(a, b, i, j)
    out = np.empty(len(i), dtype=np.int64 if a.dtype == torch.int8 else np.float64)
    _multiply(a.numpy(), b.numpy(), i, j, out)
    return out


@numba.njit(cache=True, parallel=True, fastmath={"reassoc", "contract"})
def _multiply(a: Any, b: Any, i: Indices, j: Indices, out: Any) -> None:
    for n in numba.prange(len(i)):
        left, right = a[i[n]], b[j[n]]
        total = out.dtype.type(0)
        for k in range(len(left)):
            total += out.dtype.type(left[k]) * out.dtype.type(right[k])
        out[n] = total


def _products_on_device(
    a: torch.Tensor, b: torch.Tensor, i: Indices, j: Indices
) -> npt.NDArray[Any]:
    whole = a.dtype == torch.int8
    kind = torch.int32 if whole else torch.float32
    parts = []
    for at in range(0, len(i), GROUP):
        left = a[torch.from_numpy(i[at : at + GROUP]).to(a.device)].to(kind)
        right = b[torch.from_numpy(j[at : at + GROUP]).to(a.device)].to(kind)
        parts.append((left * right).sum(1, dtype=kind).cpu())
    return torch.cat(parts).numpy() if parts else np.zeros(0, dtype=np.float32)
