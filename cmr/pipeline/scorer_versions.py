"""Versions of what searches: a finished run by another one is not scored again, but told."""

from __future__ import annotations

import json
import warnings

from cmr.errors import CmrError, EngineWarning
from cmr.rows import Row
from cmr.score.search.scorer_kinds import scorer_kind


def tell_versions(found: Row) -> None:
    """Warn where a run's library had another version than the one that would search now."""
    try:
        now = scorer_kind(found["scorer"]).versions()
    except CmrError:
        # Of a package that is not installed.
        return
    then = json.loads(found["versions"] or "{}")
    other = [
        f"{name} {then[name]}, now {version}"
        for name, version in now.items()
        if then.get(name, version) != version
    ]
    if other:
        warnings.warn(
            f"runs of {found['scorer']} were made by {', '.join(other)}; --force makes them again",
            EngineWarning,
            stacklevel=2,
        )
