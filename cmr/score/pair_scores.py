"""The scores of the relevant pairs: the thresholds that everything else is compared with."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from cmr.represent.precisions import to_integers
from cmr.score.blocks import Block, Side
from cmr.score.cpu.exact_scores import code_dots, dots
from cmr.score.judgments import Indices, Judged
from cmr.score.plan import Plan

# Pairs whose vectors are fetched from a device, or unpacked, at a time.
GROUP = 16_384
Values = npt.NDArray[np.float64]


def relevant_values(
    rows: Side, columns: Side, directions: dict[str, Judged], plan: Plan
) -> dict[str, Values]:
    """The exact value of every pair by direction, in the order the pairs came in.

    Where both directions judge the same pairs, they share one array.
    """
    pairs = {name: _pairs(name, judged) for name, judged in directions.items()}
    first = next(iter(pairs))
    alike = {name: _same(pairs[name], pairs[first]) for name in pairs}
    found = {
        name: np.zeros(len(texts), dtype=np.float64)
        for name, (texts, _) in pairs.items()
        if name == first or not alike[name]
    }
    for text_block in rows:
        for visual_block in columns:
            for name, values in found.items():
                _fill(values, *pairs[name], text_block, visual_block, plan)
    return {name: found[first if alike[name] else name] for name in pairs}


def _pairs(name: str, judged: Judged) -> tuple[Indices, Indices]:
    """Texts and visuals of a direction's pairs, in the order they came in."""
    query, item = np.empty_like(judged.query), np.empty_like(judged.item)
    query[judged.order], item[judged.order] = judged.query, judged.item
    return (query, item) if name == "t2v" else (item, query)


def _same(one: tuple[Indices, Indices], other: tuple[Indices, Indices]) -> bool:
    return all(np.array_equal(mine, its) for mine, its in zip(one, other, strict=True))


def _fill(
    values: Values, text: Indices, visual: Indices, texts: Block, visuals: Block, plan: Plan
) -> None:
    inside = (text >= texts.first) & (text < texts.last)
    inside &= (visual >= visuals.first) & (visual < visuals.last)
    found = np.flatnonzero(inside)
    i, j = text[found] - texts.first, visual[found] - visuals.first
    values[found] = exact_values(texts, visuals, i, j, plan)


def exact_values(
    texts: Block, visuals: Block, i: Indices, j: Indices, plan: Plan
) -> npt.NDArray[np.generic]:
    """The exact values of text i[n] and visual j[n] of two blocks, (n,)."""
    scales = (texts.scales[i], visuals.scales[j]) if plan.kernel.scaled else (None, None)
    return plan.kernel.values(_products(texts, visuals, i, j), *scales)


def _products(texts: Block, visuals: Block, i: Indices, j: Indices) -> npt.NDArray[Any]:
    """Inner products of text i[n] and visual j[n]: of codes in integers, of floats in float64."""
    if texts.bits is None and texts.operand.device.type == "cpu":
        return _multiply(texts.operand, visuals.operand, i, j)
    parts = []
    for at in range(0, len(i), GROUP):
        left, right = _fetched(texts, i[at : at + GROUP]), _fetched(visuals, j[at : at + GROUP])
        each = np.arange(len(left))
        parts.append(_multiply(left, right, each, each))
    return np.concatenate(parts) if parts else np.zeros(0)


def _fetched(block: Block, index: Indices) -> torch.Tensor:
    """Some vectors of a block of bits, or of a block on a device."""
    if block.bits is not None:
        return torch.from_numpy(to_integers(block.bits.rows(index)))
    operand = block.operand
    return operand[torch.from_numpy(index).to(operand.device)].cpu()


def _multiply(a: torch.Tensor, b: torch.Tensor, i: Indices, j: Indices) -> npt.NDArray[Any]:
    if a.dtype == torch.int8:
        return np.asarray(code_dots(a.numpy(), b.numpy(), i, j))
    return np.asarray(dots(a.float().numpy(), b.float().numpy(), i, j))
