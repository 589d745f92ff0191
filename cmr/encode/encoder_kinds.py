"""All kinds of encoders: cmr's own, and those that other packages register.

Another package registers one with an entry point in the group `cmr.encoders`, whose name is what
stands before the colon in `--model` and whose value is an `EncoderKind`.
"""

from __future__ import annotations

from importlib import import_module
from importlib.metadata import EntryPoint

from cmr.encode.encoder import EncoderKind
from cmr.encode.spec import DEFAULT
from cmr.errors import CmrError
from cmr.plugins import load, registered

GROUP = "cmr.encoders"
OWN = {
    DEFAULT: "openclip",
    "transformers": "transformers",
    "sentence-transformers": "sentencetransformers",
}


def kind_names() -> list[str]:
    """The names available, cmr's own first."""
    return [*OWN, *(name for name in sorted(_others()) if name not in OWN)]


def get_kind(name: str) -> EncoderKind:
    """The kind with a name. Raises CmrError if there is none, or a package's does not load."""
    if name in OWN:
        kind = import_module(f"cmr.encode.{OWN[name]}").KIND
        assert isinstance(kind, EncoderKind)
        return kind
    point = _others().get(name)
    if point is None:
        raise CmrError(f"there is no encoder {name!r}; there are {', '.join(kind_names())}")
    return load(point, EncoderKind, "encoder")


def _others() -> dict[str, EntryPoint]:
    return registered(GROUP)
