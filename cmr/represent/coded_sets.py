"""What a row of `embedding_sets` says of its codes: what made them, and how they are compared."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from cmr.precision import FP32, precision_of
from cmr.represent.quantizer_kinds import ABSMAX, OWN_SIDE, Blocks, Turned, quantizer_kind

if TYPE_CHECKING:
    from cmr.represent.product_codes import Codebook
    from cmr.represent.quantizers import Quantizer


def from_row(row: Mapping[str, Any], codebook: Codebook | None = None) -> Quantizer:
    """The quantiser of a stored set, from its row of `embedding_sets`, and its codebook if it has
    one: see `cmr.warehouse.codebooks`.

    Raises CmrError if it belongs to a package that is not installed.
    """
    name = row["quantizer"] or ABSMAX
    return quantizer_kind(name).read(name, row, codebook)


def asking(
    row: Mapping[str, Any], queries: Callable[[], Blocks], codebook: Codebook | None = None
) -> Quantizer:
    """The quantiser that prepares uncoded queries for comparison with a stored set's codes.

    `queries` yields all vectors of their side, and is read if their own centre matters. Raises
    CmrError as `from_row`.
    """
    coded, kind = from_row(row, codebook), quantizer_kind(row["quantizer"] or ABSMAX)
    own = kind.learns == OWN_SIDE and precision_of(row["precision"]).is_binary
    if kind.centre is None or not own:
        return coded
    plain = replace(coded, centre=None)
    return replace(coded, centre=kind.centre(Turned(plain, queries), row["dim"]))


def compares_codes(row: Mapping[str, Any]) -> bool:
    """Whether the codes of a stored set are compared directly; see `QuantizerKind`."""
    kind = quantizer_kind(row["quantizer"] or ABSMAX)
    return kind.compares_codes(precision_of(row["precision"]))


def multiplied(row: Mapping[str, Any]) -> str:
    """The precision of a stored set's operands: fp32 where codes are read as floats."""
    return str(row["precision"]) if compares_codes(row) else FP32
