"""All sources: those in this package, and those that other packages register.

Another package registers one with an entry point in the group `cmr.sources`, whose name is the
source's and whose value is a `Source`.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import replace
from importlib import import_module
from importlib.metadata import EntryPoint
from types import ModuleType
from typing import Any

from cmr.errors import CmrError
from cmr.plugins import load, registered
from cmr.sources.collection import Collection
from cmr.sources.source import Parameter, Source
from cmr.sources.text import is_unicode
from cmr.sources.user_files import is_url

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
    "mteb": "mteb",
    "scenes": "scenes",
}


def names() -> list[str]:
    """The names available, cmr's own first."""
    return [*OWN, *(name for name in sorted(_others()) if name not in OWN)]


def get(name: str) -> Source | None:
    """The source with a name, or None. Raises CmrError if another package's does not load."""
    if name in OWN:
        return _of(import_module(f"cmr.sources.{OWN[name]}"), name)
    point = _others().get(name)
    if point is None:
        return None
    return load(point, Source, "source")


def read(source: Source, arguments: Mapping[str, Any]) -> Collection:
    """What a source reads, with a record of how to read it again from any folder."""
    whole = {
        one.name: _absolute(one, arguments[one.name])
        for one in source.parameters
        if arguments.get(one.name) is not None
    }
    origin = {"source": source.name, "arguments": whole}
    return replace(source.read(**arguments), origin=origin)


def read_again(origin: Mapping[str, Any]) -> Collection:
    """The collection that such a record describes.

    Raises CmrError if the source or its files are gone, or if the record does not fit the source.
    """
    source = get(str(origin["source"]))
    if source is None:
        raise CmrError(f"there is no source {origin['source']!r} here")
    known = {name: one for one in source.parameters for name in (one.name, one.formerly)}
    given = {known[name].name: (known[name], v) for name, v in origin["arguments"].items()
             if name in known}  # fmt: skip
    lacking = [one.name for one in source.parameters if one.required and one.name not in given]
    wrong = [name for name, (one, value) in given.items() if not _fits(one, value)]
    for name in (*lacking, *wrong):
        raise CmrError(f"the record of how the source {source.name!r} was read lacks its {name}")
    return source.read(**{name: value for name, (_, value) in given.items()})


def _fits(one: Parameter, value: Any) -> bool:
    """Whether a parameter may have this value; a text must be possible on the command line."""
    several = value if isinstance(value, list) and one.many else [value]
    return all(
        type(part) is one.kind
        and (not isinstance(part, str) or ("\0" not in part and is_unicode(part)))
        for part in several
    )


def _absolute(one: Parameter, given: Any) -> Any:
    if not one.path:
        return given
    if isinstance(given, str):
        return given if is_url(given) else os.path.abspath(given)
    return [path if is_url(path) else os.path.abspath(path) for path in given]


def _of(module: ModuleType, name: str) -> Source:
    """The source with that name in a module of ours."""
    return next(
        value for value in vars(module).values() if isinstance(value, Source) and value.name == name
    )


def _others() -> dict[str, EntryPoint]:
    return registered(GROUP)
