"""Finding the runs a user names: by the start of an id, or by settings (dim=512,precision=fp16)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from cmr.errors import CmrError
from cmr.renamed import row_now
from cmr.represent.quantizer_kinds import ABSMAX
from cmr.rows import Row
from cmr.score.search.scorer_kinds import IMPORTED
from cmr.suggestions import suggestion
from cmr.warehouse.current import current_runs
from cmr.warehouse.schemas import RUNS
from cmr.warehouse.store import Store

SETTINGS = (
    "dataset", "qrels", "model", "direction", "dim", "dim_method", "precision", "quantizer",
    "fit_on", "query_precision", "scorer", "scorer_options", "connectivity", "expansion_add",
    "expansion_search", "rescore", "oversample", "list_length", "seed",
)  # fmt: skip

_PLURALS = {
    "dataset": "data sets", "qrels": "judgments", "model": "models", "direction": "directions",
    "dim": "dims", "dim_method": "dimension methods", "precision": "precisions",
    "quantizer": "quantizers", "scorer": "scorers", "seed": "seeds",
}  # fmt: skip


def listed(warehouse: Store, given: str | None = None, dataset: str | None = None) -> list[Row]:
    """The selected runs, in the order of their settings. Raises CmrError if there is none."""
    every = current_runs(warehouse)
    found = [
        row
        for row in (every if given is None else select(every, given))
        if dataset in (None, row["dataset"])
    ]
    if not found:
        miss = "" if dataset is None else missing(every, {"dataset": dataset})
        raise CmrError(f"there are no such runs{miss}; `cmr evaluate` makes them")
    return sorted(found, key=lambda row: [str(row[name]) for name in SETTINGS])


def removable(
    warehouse: Store,
    given: Sequence[str],
    dataset: str | None,
    model: str | None,
    outdated: bool,
) -> list[Row]:
    """The runs of a data set and a model that match any of `given`, or all of them.

    `outdated`: look among the runs on a data set before it grew, instead of the current ones.
    Raises CmrError if there is none.
    """
    every = current_runs(warehouse)
    if outdated:
        now = {row["run_id"] for row in every}
        every = [row for row in warehouse.catalogue(RUNS) if row["run_id"] not in now]
    meant = {row["run_id"] for one in given for row in select(every, one)}
    found = [
        row
        for row in every
        if (not given or row["run_id"] in meant)
        and dataset in (None, row["dataset"])
        and model in (None, row["model"])
    ]
    if not found:
        asked = {"dataset": dataset, "model": model}
        given_ones = {name: value for name, value in asked.items() if value is not None}
        raise CmrError(f"there are no such runs{missing(every, given_ones)}")
    return sorted(found, key=lambda row: [str(row[name]) for name in SETTINGS])


def select(runs: Sequence[Row], given: str) -> list[Row]:
    """The runs that `given` matches: one for an id, any number for settings.

    Raises CmrError if there is none, for an ambiguous id, and for an unknown setting.
    """
    if "=" not in given:
        found = [row for row in runs if row["run_id"].startswith(given)]
        if len(found) > 1:
            raise CmrError(f"{len(found)} runs have ids that begin with {given!r}")
        if not found:
            raise CmrError(f"no run matches {given!r}; `cmr runs list` lists them")
        return found
    wanted = _settings(given)
    found = _matching(runs, wanted)
    if not found:
        raise CmrError(f"no run matches {given!r}{missing(runs, wanted)}")
    return found


def missing(runs: Sequence[Row], wanted: Mapping[str, str]) -> str:
    """The end of a sentence that finds no runs: the values there are of what leaves none.

    `wanted`: settings with their values as people write them. Empty where there are no runs.
    """
    kept = list(runs)
    # A value that no run has comes first: with the others it may only seem to be wrong.
    order = sorted(wanted, key=lambda name: bool(_matching(runs, {name: wanted[name]})))
    met: list[str] = []
    for name in order:
        left = _matching(kept, {name: wanted[name]})
        if not left and kept:
            there = sorted({_value(row, name) for row in kept}, key=_by_number)
            where = f"with {','.join(met)}" if met else "here"
            said = f"; {_PLURALS.get(name, f'values of {name}')} {where}: {', '.join(there)}"
            return said + suggestion(wanted[name], () if _is_number(wanted[name]) else there)
        kept = left
        met.append(f"{name}={wanted[name]}")
    return ""


def _matching(runs: Sequence[Row], wanted: Mapping[str, str]) -> list[Row]:
    return [row for row in runs if all(_value(row, name) == wanted[name] for name in wanted)]


def _is_number(text: str) -> bool:
    return text.lstrip("-").isdecimal()


def _by_number(text: str) -> tuple[float, str]:
    return (float(text) if _is_number(text) else float("inf")), text


def _value(row: Row, name: str) -> str:
    """A setting as people write it: `none` where a run has none or did not record it."""
    value = row.get(name)
    if name == "quantizer" and value is None:
        return ABSMAX
    if name == "query_precision" and value is None:
        return str(row["precision"])
    return "none" if value is None else str(value)


def check_settings(given: str) -> None:
    """Raise CmrError where a run is named by a setting that runs do not have."""
    if "=" in given:
        _settings(given)


def _settings(given: str) -> dict[str, str]:
    wanted = {}
    for part in given.split(","):
        name, _, value = part.partition("=")
        if name.strip() not in SETTINGS:
            raise CmrError(
                f"{name.strip()!r} is not a setting of a run; these are: {', '.join(SETTINGS)}"
                f"{suggestion(name.strip(), SETTINGS)}"
            )
        wanted[name.strip()] = value.strip()
    return row_now(wanted)


def pairs(runs: Sequence[Row], a: str, b: str) -> list[tuple[Row, Row]]:
    """Pairs of runs `a` and `b` on the same data and direction; what `b` leaves open follows `a`.

    Raises CmrError if nothing is shared, or if it is ambiguous which run is meant.
    """
    return paired(select(runs, a), select(runs, b), a, b)


def paired(left: Sequence[Row], right: Sequence[Row], a: str, b: str) -> list[tuple[Row, Row]]:
    """Pairs of runs of `left` and `right`, which `a` and `b` name; see `pairs`."""
    found, unlike = [], []
    for row in left:
        every = [
            other
            for other in right
            if _data(other) == _data(row) and other["run_id"] != row["run_id"]
        ]
        mates = every if len(every) < 2 else _likest(row, every, a + "," + b)
        if len(mates) > 1:
            raise CmrError(
                f"{b!r} means {len(mates)} runs of {row['dataset']} {row['direction']}; name also "
                f"{_differences(mates)}"
            )
        found += [(row, other) for other in mates]
        unlike += [(row, other) for other in every]
    if found:
        # Where models are not what is compared, each is compared with itself.
        return [pair for pair in found if pair[0]["model"] == pair[1]["model"]] or found
    if unlike:
        every_difference = [_unlike(*pair, a + "," + b) for pair in unlike]
        # How dimensions were made need not agree.
        closest = min(
            ([name for name in one if name != "dim_method"] or one for one in every_difference),
            key=len,
        )
        raise CmrError(
            f"{a!r} and {b!r} have no two runs whose other settings agree: the closest differ in "
            f"{', '.join(closest)}; name that for both"
        )
    raise CmrError(
        f"{a!r} and {b!r} share no data set, judgments and direction, or are the same run"
    )


def _data(row: Row) -> tuple[str, str, str, str]:
    return row["dataset"], row["qrels"], row["dataset_fingerprint"], row["direction"]


def _likest(row: Row, others: Sequence[Row], given: str) -> list[Row]:
    """Those that agree with a run in all settings that the request does not name.

    How a dimension was made follows from which it is, so it may differ if none agrees in it.
    """
    for but in ((), ("dim_method",)):
        found = [other for other in others if set(_unlike(row, other, given)) <= set(but)]
        if found or "dim=" not in given.replace(" ", ""):
            return found
    return []


def _unlike(row: Row, other: Row, given: str) -> list[str]:
    """The settings that the request does not name and in which two runs differ."""
    named = {part.partition("=")[0].strip() for part in given.split(",")}
    if IMPORTED in (row["scorer"], other["scorer"]):
        # Imported lists have none of the settings in which representations and searches differ.
        return []
    # These two follow from the representation: its precision, and what of it is learnt.
    follow = {"query_precision", "fit_on"}
    return [
        name
        for name in SETTINGS
        if name not in named
        and not (
            _follows(row, other, name)
            if name in follow
            else _value(row, name) == _value(other, name)
        )
    ]


def _follows(row: Row, other: Row, name: str) -> bool:
    """Whether two runs agree in a setting that follows from the representation: both or neither
    have it; for `fit_on`, it is the same where both have it.
    """
    one, two = row.get(name), other.get(name)
    if name == "fit_on":
        return one is None or two is None or one == two
    return (one is None) == (two is None)


def _differences(rows: Sequence[Row]) -> str:
    return ", ".join(name for name in SETTINGS if len({_value(row, name) for row in rows}) > 1)
