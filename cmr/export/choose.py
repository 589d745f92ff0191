"""Choosing the runs and representations to export."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from cmr.api.select import select
from cmr.api.set_selection import find_sets
from cmr.errors import CmrError
from cmr.export.format import SetPair
from cmr.precision import FP32
from cmr.renamed import row_now
from cmr.represent.dim_methods import NATIVE
from cmr.represent.quantizer_kinds import ABSMAX
from cmr.rows import Row
from cmr.warehouse.current import current_runs
from cmr.warehouse.schemas import EMBEDDING_SETS, TEXT, VISUAL
from cmr.warehouse.store import Store

RUN_SETTINGS = ("dataset", "qrels", "model", "direction", "dim", "dim_method", "precision", "seed")
SET_SETTINGS = ("dataset", "model", "dim", "dim_method", "precision", "seed")


def runs(warehouse: Store, given: str | None, wanted: Mapping[str, Any]) -> list[Row]:
    """The runs that match `--run` and the settings; None in `wanted` matches any.

    Raises CmrError, listing what there is, if none does.
    """
    every = _with_captions(current_runs(warehouse), given)
    if not every:
        raise CmrError("there are no runs; `cmr evaluate` makes them")
    return _narrow(select(every, given) if given else every, wanted, RUN_SETTINGS, "runs")


def _with_captions(every: Sequence[Row], given: str | None) -> list[Row]:
    """Those that rank captions or single visuals: what grouped runs rank no format can say.

    Raises CmrError where `given` is the id of a grouped run.
    """
    kept = [row for row in every if not row.get("grouped")]
    if given and "=" not in given and not any(row["run_id"].startswith(given) for row in kept):
        for row in every:
            if row["run_id"].startswith(given):
                raise CmrError(
                    f"run {row['run_id']} ranks visuals by grouped captions, which have no lists "
                    "of texts to export; its figures are in the view metrics"
                )
    return kept


def one_run(warehouse: Store, given: str | None, wanted: Mapping[str, Any]) -> Row:
    """The one selected run. Raises CmrError, naming the differences, if several match."""
    return _one(runs(warehouse, given, wanted), RUN_SETTINGS, "runs")


def pairs(warehouse: Store, given: str | None, wanted: Mapping[str, Any]) -> list[SetPair]:
    """The representations with vectors of both sides that match the settings.

    `given`: a run, which selects its own representation. Raises CmrError if there is none.
    """
    if given:
        run = _one(select(current_runs(warehouse), given), RUN_SETTINGS, "runs")
        _check_coded_alike(run)
        sets = {row["set_id"]: row for row in warehouse.catalogue(EMBEDDING_SETS)}
        return [SetPair(sets[run["text_set"]], sets[run["visual_set"]])]
    sides: dict[tuple[Any, ...], dict[str, Row]] = {}
    of_quantizers: dict[str, str] = {}
    for row in find_sets(warehouse):
        # The precision alone does not identify the codes of other quantisers.
        if row["quantizer"] not in (None, ABSMAX):
            of_quantizers[row["precision"]] = row["quantizer"]
            continue
        key = tuple(row[name] for name in SET_SETTINGS)
        sides.setdefault(key, {})[row["modality"]] = row
    whole = [SetPair(side[TEXT], side[VISUAL]) for side in sides.values() if len(side) == 2]
    if not whole:
        raise CmrError("there are no vectors; `cmr ingest` adds them")
    precision = row_now(dict(wanted)).get("precision")
    if precision in of_quantizers and all(pair.text["precision"] != precision for pair in whole):
        raise CmrError(
            f"vectors of precision {precision} are the quantizer {of_quantizers[precision]}'s, and "
            "only a run tells which; `cmr export fbin --run` and others that take --run export them"
        )
    kept = _narrow([pair.text for pair in whole], wanted, SET_SETTINGS, "vectors")
    ids = {row["set_id"] for row in kept}
    return [pair for pair in whole if pair.text["set_id"] in ids]


def _check_coded_alike(run: Row) -> None:
    """Raise CmrError of a run that asks with fp32 queries of codes.

    Codes stand for vectors that may have been rotated or shifted, and the stored queries were not.
    """
    if run["query_precision"]:
        raise CmrError(
            f"run {run['run_id']} asks {run['precision']} codes with {run['query_precision']} "
            "queries, and no format holds both as they are compared; name a run without "
            "--asymmetric, or --precision fp32"
        )


def one_pair(warehouse: Store, given: str | None, wanted: Mapping[str, Any]) -> SetPair:
    """The one selected representation: if several match, native fp32 if it is among them.

    Raises CmrError, naming the differences, if several remain.
    """
    found = pairs(warehouse, given, wanted)
    if len(found) == 1:
        return found[0]
    if not any(wanted.get(name) for name in ("dim", "dim_method", "precision")):
        native = [pair for pair in found if pair.text["parent"] is None]
        found = native or found
    row = _one([pair.text for pair in found], SET_SETTINGS, "representations")
    return next(pair for pair in found if pair.text is row)


def by_dim(warehouse: Store, wanted: Mapping[str, Any]) -> tuple[SetPair, ...]:
    """A representation of each dimension in `wanted["dim"]`, or of every dimension there is.

    Precision and method default to fp32 and native where these exist. Raises CmrError for a
    dimension without vectors, and, naming the differences, for one with several representations.
    """
    rest = {name: value for name, value in wanted.items() if name != "dim"}
    there = pairs(warehouse, None, rest)
    of_one = {name: {str(pair.text[name]) for pair in there} for name in ("dataset", "model")}
    for name, values in of_one.items():
        if len(values) > 1:
            raise CmrError(f"--{name} must name one of: {', '.join(sorted(values))}")
    if not rest.get("precision") and any(pair.text["precision"] == FP32 for pair in there):
        rest["precision"] = FP32
        there = pairs(warehouse, None, rest)
    dims = wanted.get("dim") or sorted({pair.text["dim"] for pair in there})
    return tuple(_of_dim(there, dim, rest) for dim in dims)


def _of_dim(there: Sequence[SetPair], dim: int, wanted: Mapping[str, Any]) -> SetPair:
    rows = _narrow([pair.text for pair in there], {"dim": dim}, SET_SETTINGS, _words(wanted))
    native = [row for row in rows if row["parent"] is None or row["dim_method"] == NATIVE]
    row = _one(native or rows, SET_SETTINGS, f"representations of {dim} dimensions")
    return next(pair for pair in there if pair.text is row)


def _words(wanted: Mapping[str, Any]) -> str:
    named = [str(wanted[name]) for name in ("dim_method", "precision") if wanted.get(name)]
    return " ".join([*named, "vectors"])


def _narrow(
    rows: Sequence[Row], wanted: Mapping[str, Any], settings: Sequence[str], what: str
) -> list[Row]:
    found, wanted = list(rows), row_now(dict(wanted))
    for name in settings:
        value = wanted.get(name)
        if value is None:
            continue
        kept = [row for row in found if str(row[name]) == str(value)]
        if not kept:
            raise CmrError(f"no {what} have {name} {value}; there are: {_values(found, name)}")
        found = kept
    return found


def _one(rows: Sequence[Row], settings: Sequence[str], what: str) -> Row:
    if len(rows) == 1:
        return rows[0]
    apart = [name for name in settings if len({row[name] for row in rows}) > 1]
    told = "; ".join(f"--{name.replace('_', '-')} {_values(rows, name)}" for name in apart)
    raise CmrError(f"{len(rows)} {what} match; also name {told}")


def _values(rows: Sequence[Row], name: str) -> str:
    found = {row[name] for row in rows}
    numbers = all(isinstance(value, int) for value in found)
    return ", ".join(map(str, sorted(found) if numbers else sorted(map(str, found))))
