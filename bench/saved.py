"""What a bench found: printed as a table, and written to a dated file with the machine's name."""

from __future__ import annotations

import json
import os
import platform
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import click
import psutil
import torch

from cmr.pipeline.bench.machine import cores, processor, versions

# The peers, by their packages.
PEERS = (
    "clip_benchmark", "faiss-cpu", "mteb", "numba", "pytrec-eval-terrier", "ranx",
)  # fmt: skip
# Instructions that decide how fast codes are multiplied, as Linux calls them.
_INSTRUCTIONS = ("avx2", "avx512f", "avx512_vnni", "avx512_bf16", "amx_int8", "amx_bf16")

Rows = list[dict[str, object]]


def here() -> dict[str, object]:
    """The machine, how busy it is, and the versions of all that is timed."""
    return {
        "processor": processor(),
        "cores": cores(),
        "instructions": instructions(),
        "memory_gib": round(psutil.virtual_memory().total / 2**30),
        "system": f"{platform.system()} {platform.release()}",
        "threads": torch.get_num_threads(),
        "load_average": round(os.getloadavg()[0], 2),
        "versions": {**versions(), **{name: found(name) for name in PEERS}},
    }


def found(package: str) -> str | None:
    """A package's version, or None where it is not installed."""
    try:
        return version(package)
    except PackageNotFoundError:
        return None


def instructions() -> list[str]:
    """Those of the processor that matter; [] where the system does not say."""
    path = Path("/proc/cpuinfo")
    words = set(path.read_text().split()) if path.is_file() else set()
    return [name for name in _INSTRUCTIONS if name in words]


def save(out: Path, name: str, result: dict[str, object]) -> None:
    """Write a dated file; results of other days stay."""
    day = datetime.now(UTC).date().isoformat()
    out.mkdir(parents=True, exist_ok=True)
    text = json.dumps({"day": day, "bench": name, "machine": here(), **result}, indent=1)
    (out / f"{day}-{name}.json").write_text(text + "\n", encoding="utf-8")


def replaced(page: str, first: str, last: str, text: str) -> str:
    """A document with other text between two marks. Raises ClickException where they are not."""
    before, opened, rest = page.partition(first)
    _, closed, after = rest.partition(last)
    if not (opened and closed):
        raise click.ClickException(f"the document has no {first} … {last}")
    return f"{before}{first}\n{text}\n{last}{after}"


def show(rows: Rows) -> None:
    """Print rows as a Markdown table."""
    print("| " + " | ".join(rows[0]) + " |")
    print("|" + "---|" * len(rows[0]))
    for row in rows:
        print("| " + " | ".join("" if v is None else str(v) for v in row.values()) + " |")
