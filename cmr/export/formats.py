"""All export formats: those in this package, and those that other packages register.

Another package registers one with an entry point of the group `cmr.exports`, whose name is the
format's and whose value a `Format`.
"""

from __future__ import annotations

from importlib import import_module
from importlib.metadata import EntryPoint

from cmr.export.format import Format
from cmr.plugins import load, registered

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
    "npz": "npz_format",
    "clip-retrieval": "clipretrieval_format",
    "ann-hdf5": "annhdf5",
    "fbin": "fbin",
    "hf": "hf_format",
    "embedding-atlas": "atlas",
}


def names() -> list[str]:
    """The names available, cmr's own first."""
    return [*OWN, *(name for name in sorted(_others()) if name not in OWN)]


def get(name: str) -> Format | None:
    """The format with a name, or None. Raises CmrError if another package's does not load."""
    if name in OWN:
        own: Format = import_module(f"cmr.export.{OWN[name]}").FORMAT
        return own
    point = _others().get(name)
    if point is None:
        return None
    return load(point, Format, "format")


def _others() -> dict[str, EntryPoint]:
    return registered(GROUP)
