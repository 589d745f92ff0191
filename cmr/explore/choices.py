"""What can stand on a side of the page: a representation with a way of searching it."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace

from cmr.errors import CmrError
from cmr.identity import identity
from cmr.pipeline.derive import GALLERY
from cmr.pipeline.search import Search
from cmr.precision import FP32, PRECISIONS
from cmr.report import named
from cmr.represent.quantizer_kinds import ABSMAX, GALLERY_SIDE, quantizer_kind
from cmr.rows import Row
from cmr.score.search.scorer_kinds import IMPORTED, TORCH
from cmr.sources.collection import TEXT, VISUAL
from cmr.warehouse.current import current_runs, current_sets
from cmr.warehouse.store import Store

SIDES = (TEXT, VISUAL)
# What tells two representations apart, by the columns of their sets.
_FORM = ("model", "dim", "dim_method", "precision", "quantizer", "fit_on")
Pair = dict[str, Row]


@dataclass(frozen=True)
class Searched:
    """The stored sets of one direction: rows of `embedding_sets`.

    `fine`: those of a second stage, gallery first.
    """

    queries: Row
    gallery: Row
    fine: tuple[Row, Row] | None = None


@dataclass
class SideChoice:
    """One entry of the page's lists; `key` names it in requests, `name` for people.

    `ways`: by direction, what is searched. `runs`: the ids of runs that were scored so.
    """

    key: str
    name: str
    model: str
    search: Search
    ways: dict[str, Searched]
    runs: list[str] = field(default_factory=list)

    @property
    def form(self) -> Row:
        """The row of the coded side's set: of asymmetric searches the gallery's."""
        return next(iter(self.ways.values())).gallery

    @property
    def is_baseline(self) -> bool:
        """Whether it is the native vectors, searched exactly."""
        return self.form["parent"] is None and self.search == Search()


def choices(warehouse: Store, dataset: str, model: str | None = None) -> list[SideChoice]:
    """Every run and every stored representation of a data set, the baseline first, then the finer.

    Without lists that were imported, and searches that learnt from another data set's vectors.
    """
    sets = {
        row["set_id"]: row
        for row in current_sets(warehouse)
        if row["dataset"] == dataset and model in (None, row["model"])
    }
    found: dict[str, SideChoice] = {}
    for key, way, search, searched, run_id in (*_of_runs(warehouse, sets), *_of_sets(sets)):
        made = found.get(key)
        if made is None:
            made = found[key] = SideChoice(key, "", searched.gallery["model"], search, {})
        made.ways.setdefault(way, searched)
        if run_id and run_id not in made.runs:
            made.runs.append(run_id)
    return _named(sorted(found.values(), key=_order))


Found = tuple[str, str, Search, Searched, str | None]


def _of_runs(warehouse: Store, sets: Mapping[str, Row]) -> Iterator[Found]:
    for run in current_runs(warehouse):
        sides = {TEXT: sets.get(run["text_set"]), VISUAL: sets.get(run["visual_set"])}
        if run["scorer"] == IMPORTED or None in sides.values() or _taught_elsewhere(run):
            continue
        pair = {side: row for side, row in sides.items() if row is not None}
        search = _search_of(run)
        with suppress(CmrError):
            # Another package's scorer or quantiser may not be installed.
            ways = _ways(pair, run["direction"]) if search.kind else ()
            for way in ways:
                one = _searched(pair, way)
                if search.rescore is not None:
                    fine = _fine(sets, one.gallery, search.rescore)
                    if fine is None:
                        continue
                    sides_of = _searched(fine, way)
                    one = replace(one, fine=(sides_of.gallery, sides_of.queries))
                yield _key(one, search), way, search, one, run["run_id"]


def _of_sets(sets: Mapping[str, Row]) -> Iterator[Found]:
    """Each representation of both sides, searched exactly, whether or not a run was scored so."""
    of: dict[tuple[object, ...], Pair] = {}
    for row in sets.values():
        of.setdefault((*(row[name] for name in _FORM), row["seed"]), {})[row["modality"]] = row
    for pair in of.values():
        with suppress(CmrError):
            if len(pair) == len(SIDES) and not _by_gallery(pair[TEXT]):
                for way in GALLERY:
                    one = _searched(pair, way)
                    yield _key(one, Search()), way, Search(), one, None


def _search_of(run: Row) -> Search:
    """How a run searched, from its row."""
    settings = json.loads(run["scorer_settings"] or "{}")
    options = tuple((settings.pop("options", None) or {}).items())
    length = settings.pop("list_length", run["list_length"])
    asymmetric = run["query_precision"] is not None
    return Search(run["scorer"], length, asymmetric=asymmetric, options=options, **settings)


def _taught_elsewhere(run: Row) -> bool:
    return bool(run["scorer_learns"]) and run["fit_on"] not in (None, run["dataset"])


def _by_gallery(row: Row) -> bool:
    """Whether a set's codes depend on which side is the gallery."""
    return quantizer_kind(row["quantizer"] or ABSMAX).learns == GALLERY_SIDE


def _ways(pair: Pair, direction: str) -> tuple[str, ...]:
    """The directions in which these sets can be searched: both, if their codes are alike."""
    alike = pair[TEXT]["precision"] == pair[VISUAL]["precision"]
    return tuple(GALLERY) if alike and not _by_gallery(pair[TEXT]) else (direction,)


def _searched(pair: Pair, way: str) -> Searched:
    (asks,) = set(SIDES) - {GALLERY[way]}
    return Searched(pair[asks], pair[GALLERY[way]])


def _fine(sets: Mapping[str, Row], coarse: Row, precision: str) -> Pair | None:
    """The stored sets of a second stage, of the same dimension at a finer precision."""
    alike = ("model", "dim", "dim_method")
    found = {
        row["modality"]: row
        for row in sets.values()
        if all(row[name] == coarse[name] for name in alike)
        and row["precision"] == precision
        and row["quantizer"] in (None, ABSMAX)
        and (not row["seed"] or not coarse["seed"] or row["seed"] == coarse["seed"])
    }
    return found if len(found) == len(SIDES) else None


def _key(one: Searched, search: Search) -> str:
    form = {name: one.gallery[name] for name in (*_FORM, "seed")}
    return identity(
        form=form, scorer=search.scorer, asymmetric=search.asymmetric, **search.settings
    )


def _order(one: SideChoice) -> tuple[object, ...]:
    form, search = one.form, one.search
    return (
        one.model, not one.is_baseline, -form["dim"], form["dim_method"],
        PRECISIONS.index(form["precision"]), form["quantizer"] or "", str(search),
    )  # fmt: skip


def _named(every: Sequence[SideChoice]) -> list[SideChoice]:
    several = len({one.model for one in every}) > 1
    for one in every:
        asks = {"query_precision": FP32 if one.search.asymmetric else None}
        said = {**one.form, **vars(one.search), "scorer_options": one.search.said, **asks}
        one.name = (f"{one.model}: " if several else "") + named.representation(said)
    twice = Counter(one.name for one in every)
    for one in every:
        if twice[one.name] > 1:
            form = one.form
            further = {"seed": form["seed"], "learnt from": form["fit_on"]}
            more = [f"{name} {value}" for name, value in further.items() if value is not None]
            more += [f"list of {one.search.length}"] if one.search.length else []
            one.name += f" ({', '.join(more) or one.key[:6]})"
    return list(every)


def default_pair(every: Sequence[SideChoice]) -> tuple[str, str]:
    """The keys that the page opens with: the first, and of its model the one of fewest bytes.

    Among those that need no index to be built.
    """
    first = every[0]
    quick = [one for one in every if one.model == first.model and one.search.scorer == TORCH]
    small = min(quick or every, key=lambda one: one.form["vector_bytes"])
    return first.key, small.key
