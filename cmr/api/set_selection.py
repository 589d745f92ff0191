"""Finding the embedding set a user names."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from cmr.api.keywords import EmbeddingsKeywords
from cmr.errors import CmrError
from cmr.pipeline.judged_data import find_dataset, find_model
from cmr.precision import FP32
from cmr.represent.dim_methods import NATIVE
from cmr.represent.quantizer_kinds import ABSMAX
from cmr.rows import Row
from cmr.warehouse.current import current_sets
from cmr.warehouse.schemas import MODALITIES
from cmr.warehouse.store import Store

_NATIVE = {"dim_method": NATIVE, "precision": FP32}


def find_sets(warehouse: Store, **wanted: Any) -> list[Row]:
    """Catalogue rows of the sets that match the given values; None matches any."""
    given = {name: value for name, value in wanted.items() if value is not None}
    return [
        row
        for row in current_sets(warehouse)
        if all(row[name] == value for name, value in given.items())
    ]


def find_set(warehouse: Store, asked: EmbeddingsKeywords) -> Row:
    """The one selected set: what is not named defaults to native fp32, if there is such a set.

    Raises CmrError, listing what there is, if none or several match.
    """
    modality, given = asked.modality, asked.form()
    if modality not in MODALITIES:
        raise CmrError(f"the modality is {' or '.join(MODALITIES)}, not {modality!r}")
    data = find_dataset(warehouse, asked.dataset)
    name = find_model(warehouse, data, asked.model)
    every = find_sets(warehouse, dataset=data["dataset"], model=name, modality=modality)
    found = [row for row in every if all(row[key] == value for key, value in given.items())]
    if asked.dim is None and len(found) > 1:
        native = [row["dim"] for row in every if row["parent"] is None]
        found = _prefer(found, "dim", max(native, default=None))
    for key, value in _NATIVE.items():
        found = _prefer(found, key, value)
    if asked.quantizer is None and len(found) > 1:
        found = [row for row in found if row["quantizer"] in (None, ABSMAX)] or found
    if len(found) == 1:
        return found[0]
    what = " ".join(f"{key}={value}" for key, value in given.items()) or "these settings"
    if not found:
        raise CmrError(
            f"{data['dataset']!r} has no {modality} vectors by {name!r} with {what}; there are "
            f"{_listed(every)}, and evaluate makes others"
        )
    raise CmrError(f"{what} means {len(found)} sets of vectors, name one: {_listed(found)}")


def _prefer(rows: list[Row], key: str, value: Any) -> list[Row]:
    if len(rows) < 2:
        return rows
    return [row for row in rows if row[key] == value] or rows


def _listed(rows: Sequence[Row]) -> str:
    """Sets as people write them, largest first."""
    order = sorted(rows, key=lambda row: (-row["dim"], row["dim_method"], -row["vector_bytes"]))
    same = {(row["dim"], row["dim_method"], row["precision"]) for row in rows}
    seeds = len(same) < len(rows)
    return ", ".join(
        f"{row['dim']} {row['dim_method']} {row['precision']}"
        + (f" {row['quantizer']}" if row["quantizer"] not in (None, ABSMAX) else "")
        + (f" (seed {row['seed']})" if seeds and row["seed"] is not None else "")
        for row in order
    )
