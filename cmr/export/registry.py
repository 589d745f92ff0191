"""All export formats: those in this package, and those that other packages register.

Another package registers one with an entry point of the group `cmr.exports`, whose name is the
format's and whose value a `Format`.
"""

from __future__ import annotations

from importlib import import_module
from importlib.metadata import EntryPoint, entry_points

from cmr.errors import CmrError
from cmr.export.format import Format

GROUP = "cmr.exports"
OWN = {
    "parquet": "parquet",
    "csv": "csv",
    "arrow": "arrow",
    "json": "json",
    "duckdb": "duckdb",
    "trec": "trec",
    "ranx": "ranx",
    "mteb": "mteb",
    "clip-benchmark": "clipbenchmark",
    "npz": "npz",
    "clip-retrieval": "clipretrieval",
    "ann-hdf5": "annhdf5",
    "fbin": "fbin",
    "hf": "hf",
    "embedding-atlas": "atlas",
}


def names() -> list[str]:
    """What there is, our own first."""
    return [*OWN, *(name for name in sorted(_others()) if name not in OWN)]


def get(name: str) -> Format | None:
    """The format of a name, or None. Raises CmrError if another package's does not load."""
    if name in OWN:
        own: Format = import_module(f"cmr.export.{OWN[name]}").FORMAT
        return own
    point = _others().get(name)
    if point is None:
        return None
    try:
        loaded = point.load()
    except Exception as error:
        raise CmrError(f"the format {name!r} ({point.value}) does not load: {error}") from None
    if not isinstance(loaded, Format):
        raise CmrError(f"the format {name!r} ({point.value}) is no cmr.export.format.Format")
    return loaded


def _others() -> dict[str, EntryPoint]:
    return {point.name: point for point in entry_points(group=GROUP)}
