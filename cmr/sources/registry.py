"""All sources: those in this package, and those that other packages register.

Another package registers one with an entry point of the group `cmr.sources`, whose name is the
source's and whose value a `Source`.
"""

from __future__ import annotations

from importlib import import_module
from importlib.metadata import EntryPoint, entry_points
from types import ModuleType

from cmr.errors import CmrError
from cmr.sources.source import Source

GROUP = "cmr.sources"
OWN = {
    "npz": "npz",
    "coco": "coco",
    "karpathy": "karpathy",
    "pairs": "pairs",
    "webdataset": "webdataset",
    "img2dataset": "img2dataset",
    "clip-retrieval": "clipretrieval",
    "arrays": "arrays",
    "hf": "hf",
    "video": "video",
    "msrvtt": "video",
    "scenes": "scenes",
}


def names() -> list[str]:
    """What there is, our own first."""
    return [*OWN, *(name for name in sorted(_others()) if name not in OWN)]


def get(name: str) -> Source | None:
    """The source of a name, or None. Raises CmrError if another package's does not load."""
    if name in OWN:
        return _of(import_module(f"cmr.sources.{OWN[name]}"), name)
    point = _others().get(name)
    if point is None:
        return None
    try:
        loaded = point.load()
    except Exception as error:
        raise CmrError(f"the source {name!r} ({point.value}) does not load: {error}") from None
    if not isinstance(loaded, Source):
        raise CmrError(f"the source {name!r} ({point.value}) is no cmr.sources.source.Source")
    return loaded


def _of(module: ModuleType, name: str) -> Source:
    """The source of that name in a module of ours."""
    return next(
        value for value in vars(module).values() if isinstance(value, Source) and value.name == name
    )


def _others() -> dict[str, EntryPoint]:
    return {point.name: point for point in entry_points(group=GROUP)}
