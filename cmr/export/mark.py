"""The mark in an exported folder that says where it came from."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from cmr.export.fit_told import fits
from cmr.export.format import Asked
from cmr.export.target import MARK
from cmr.version import __version__

_OF_SET = ("dataset", "model", "dim", "dim_method", "precision", "seed")
_OF_RUN = ("run_id", "qrels", "direction", "scorer")


def write_mark(asked: Asked, name: str, folder: Path, **more: Any) -> None:
    """Write MARK: the format, what was exported, and by which version."""
    told: dict[str, Any] = {"format": name, "cmr": __version__}
    rows = [pair.text for pair in asked.pairs[:1]] or list(asked.runs[:1])
    for row in rows:
        told |= {key: row[key] for key in _OF_SET}
    if asked.runs:
        told |= {key: asked.run[key] for key in _OF_RUN}
        told["fit"] = fits(asked)[asked.run["run_id"]]
    told |= {**more, "exported_at": datetime.now(UTC).isoformat(timespec="seconds")}
    (folder / MARK).write_text(json.dumps(told, indent=1) + "\n", encoding="utf-8")
