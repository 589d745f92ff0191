"""What `--fit-on` takes for a copy of what is scored, and what it does not."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from cmr.pipeline.apart import _copies, beyond_chance


def unit(vectors):
    return (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32)


def cone(rng, count, dim, cosine):
    """Unit vectors about one direction, of this mean cosine with each other."""
    mean = np.full(dim, dim**-0.5)
    noise = rng.standard_normal((count, dim)) * np.sqrt((1 / cosine - 1) / dim)
    return unit(mean + noise)


def rounded(vectors, how):
    """Stored as something coarser, and as long as it may be."""
    if how == "int8":
        scale = np.abs(vectors).max(axis=1, keepdims=True) / 127
        return unit(np.rint(vectors / scale) * scale)
    kind = {"fp16": torch.float16, "bf16": torch.bfloat16, "fp32": torch.float32}[how]
    return unit(torch.from_numpy(3 * vectors).to(kind).float().numpy())


@pytest.mark.parametrize("how", ["fp32", "fp16", "bf16", "int8"])
@pytest.mark.parametrize("cosine", [0.1, 0.7, 0.95, 0.99])
@pytest.mark.parametrize("dim", [32, 512])
def test_copies_are_told(how, cosine, dim):
    rng = np.random.default_rng(0)
    scored = cone(rng, 300, dim, cosine)
    others = np.concatenate([cone(rng, 500, dim, cosine), rounded(scored[:200], how)])
    found = _copies(scored, iter(np.array_split(others[rng.permutation(700)], 5)))
    assert found[:200].mean() > 0.95
    assert not found[200:].any()


@pytest.mark.parametrize("dim", [3, 4, 8, 64])
def test_what_is_apart(dim):
    """Random vectors, a steep spectrum, tight classes."""
    rng = np.random.default_rng(1)
    centres = unit(rng.standard_normal((5, dim)))
    falling = np.arange(1, dim + 1) ** -2.5
    for scale, about in ((1, np.zeros((1, dim))), (falling, np.zeros((1, dim))), (0.03, centres)):
        scored, others = (
            unit(about[rng.integers(0, len(about), 1000)]
                 + scale * rng.standard_normal((1000, dim)))
            for _ in range(2)
        )  # fmt: skip
        alike = _copies(scored, iter([scored]), np.arange(1000)).sum()
        held = _copies(scored, iter([others])).sum()
        assert beyond_chance(held, alike) < 10


def test_one_placeholder_is_no_copy():
    """A vector that stands in for many items of either is not the same item."""
    rng = np.random.default_rng(2)
    scored, others = (unit(rng.standard_normal((400, 32))) for _ in range(2))
    scored[:40] = others[:40] = scored[0]
    assert not _copies(scored, iter([others])).any()


def test_few_others():
    scored = unit(np.random.default_rng(3).standard_normal((10, 8)))
    assert _copies(scored, iter([scored[:2]])).tolist() == [True] * 2 + [False] * 8
