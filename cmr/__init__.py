"""cmr: what a model, a dimension and a precision cost in cross-modal retrieval.

From Python: `import cmr; wh = cmr.open("warehouse")`, then `wh.sql(…)`, `wh.embeddings(…)` and
the rest of `cmr.Warehouse`. Nothing heavy is imported before it is used.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from cmr.version import __version__

if TYPE_CHECKING:
    from cmr.api.embeddings import Embeddings
    from cmr.api.result import Result
    from cmr.api.study import study
    from cmr.api.warehouse import Warehouse
    from cmr.api.warehouse import open_warehouse as open
    from cmr.errors import CmrError

__all__ = ["CmrError", "Embeddings", "Result", "Warehouse", "__version__", "open", "study"]

_WHERE = {
    "CmrError": ("cmr.errors", "CmrError"),
    "Embeddings": ("cmr.api.embeddings", "Embeddings"),
    "Result": ("cmr.api.result", "Result"),
    "Warehouse": ("cmr.api.warehouse", "Warehouse"),
    "study": ("cmr.api.study", "study"),
    "open": ("cmr.api.warehouse", "open_warehouse"),
}


def __getattr__(name: str) -> Any:
    """Import the requested name on first use (PEP 562)."""
    if name not in _WHERE:
        raise AttributeError(f"module 'cmr' has no attribute {name!r}")
    module, inside = _WHERE[name]
    return getattr(import_module(module), inside)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
