"""What the values of an engine's options say: whether it learns, whether another has an effect."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from cmr.score.search.scorer_options import Value

Chosen = Mapping[str, Value]
Said = Callable[[Chosen], bool]


def always(options: Chosen) -> bool:
    """Whatever they are."""
    return True


def when(name: str, *values: str) -> Said:
    """An option has one of these values."""
    return lambda options: options[name] in values


def unless(name: str, *values: str) -> Said:
    """An option has none of these values."""
    return lambda options: options[name] not in values


def has(name: str, *parts: str) -> Said:
    """An option's value has one of these parts."""
    return lambda options: any(part in str(options[name]) for part in parts)


def begins(name: str, *starts: str) -> Said:
    """An option has a part, between commas, that begins so."""
    return lambda options: any(part.startswith(starts) for part in str(options[name]).split(","))


def by_factory(options: Chosen) -> bool:
    """Whether faiss trains what its factory makes."""
    from cmr.score.search.engines.faiss_index import learns

    return learns(str(options["factory"]))


def of_zvec(options: Chosen) -> bool:
    """Its documentation does not say whether the integers' ranges are of a vector or of all."""
    return options["index"] not in ("hnsw", "flat") or options["codes"] in ("int8", "int4")
