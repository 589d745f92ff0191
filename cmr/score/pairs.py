"""The scores of the relevant pairs: the thresholds that everything else is compared with."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from cmr.score.blocks import Block, Side
from cmr.score.exact import code_dots, dots
from cmr.score.judged import Indices, Judged
from cmr.score.plan import Plan

# Pairs whose vectors are fetched from a device at a time.
GROUP = 16_384


def relevant_values(
    rows: Side, columns: Side, directions: dict[str, Judged], plan: Plan
) -> npt.NDArray[np.float64]:
    """The exact value of every pair, in the order the pairs came in."""
    name, judged = next(iter(directions.items()))
    text, visual = (judged.query, judged.item) if name == "t2v" else (judged.item, judged.query)
    kernel = plan.kernel
    values = np.zeros(len(text), dtype=np.float64)
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
    """Inner products of text i[n] and visual j[n]: of codes in integers, of floats in float64."""
    a, b = texts.operand, visuals.operand
    if a.device.type == "cpu":
        return _multiply(a, b, i, j)
    parts = []
    for at in range(0, len(i), GROUP):
        left = a[torch.from_numpy(i[at : at + GROUP]).to(a.device)].cpu()
        right = b[torch.from_numpy(j[at : at + GROUP]).to(b.device)].cpu()
        each = np.arange(len(left))
        parts.append(_multiply(left, right, each, each))
    return np.concatenate(parts) if parts else np.zeros(0)


def _multiply(a: torch.Tensor, b: torch.Tensor, i: Indices, j: Indices) -> npt.NDArray[Any]:
    if a.dtype == torch.int8:
        return np.asarray(code_dots(a.numpy(), b.numpy(), i, j))
    return np.asarray(dots(a.float().numpy(), b.float().numpy(), i, j))
