"""A run's representation and search in words, and a measure with its cut-off."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from cmr.decimals import fixed
from cmr.represent.quantizer_kinds import ABSMAX
from cmr.score.search.scorer_kinds import IMPORTED, TORCH


def representation(row: Mapping[str, Any]) -> str:
    """A run in words, such as `512 pca int8, rotated, usearch-hnsw M 16 ef 128/64`, less defaults.

    `row`: of the catalogue of runs.
    """
    if row.get("scorer") == IMPORTED:
        return "imported lists"
    parts = [f"{row['dim']} {row['dim_method']} {row['precision']}"]
    if row.get("quantizer") not in (None, ABSMAX):
        parts.append(str(row["quantizer"]))
    if row.get("query_precision"):
        parts.append(f"{row['query_precision']} queries")
    return ", ".join([*parts, *(one for one in search(row) if one != TORCH)])


def search(row: Mapping[str, Any]) -> list[str]:
    """Both stages, such as `usearch-hnsw M 16 ef 128/64` and `rescored by fp32 x4`.

    `row`: has the scorer and its settings; a graph that is only built has no expansion_search.
    The SQL macro `search_words` does the same for rows of the tables.
    """
    first = str(row["scorer"])
    if row.get("connectivity"):
        first += f" M {row['connectivity']} ef {row['expansion_add']}"
        if row.get("expansion_search"):
            first += f"/{row['expansion_search']}"
    if row.get("scorer_options"):
        first += f" {row['scorer_options']}"
    if not row.get("rescore"):
        return [first]
    return [first, f"rescored by {row['rescore']} x{row['oversample']}"]


def measure(row: Mapping[str, Any]) -> str:
    """A measure's usual name: `recall@10`, `mrr@10` for `mrr@k` at 10, `mrr` without a cut-off.

    `row`: with `measure` and `k`.
    """
    name, k = str(row["measure"]), row["k"]
    return name if k is None else f"{name.removesuffix('@k')}@{k}"


def estimate(value: float, low: float | None, high: float | None) -> str:
    """A share with its interval, which has fewer digits: 0.8433 [.775, .879]."""
    if low is None or high is None:
        return fixed(value)
    return f"{fixed(value)} [{_end(low)}, {_end(high)}]"


def _end(share: float) -> str:
    """Three decimals of a share of at most 1."""
    text = fixed(share, 3)
    return text[:4] if text.startswith("1") else text.removeprefix("0")
