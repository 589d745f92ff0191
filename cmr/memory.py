"""How much memory there is, and how much of it queries may take."""

from __future__ import annotations

import os
from contextvars import ContextVar
from pathlib import Path

from cmr.errors import CmrError

# Share of the machine's memory for one DuckDB connection; what needs more spills to a folder.
SHARE = 0.5
# And for the vectors and tiles of one scoring.
SCORING_SHARE = 0.25
# With less, neither a query nor a tile can proceed.
LEAST = 64 * 2**20
# Bytes that connections may take where the caller names none; `--memory` sets it.
limit: ContextVar[int | None] = ContextVar("limit", default=None)
# Files with the limit of a control group (a container, a batch job), in versions 2 and 1.
_GROUPS = (
    ("/sys/fs/cgroup", "memory.max"),
    ("/sys/fs/cgroup/memory", "memory.limit_in_bytes"),
)


def total() -> int:
    """Bytes that this process can have: the machine's, or what its control group allows."""
    found = [os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")]
    paths = _own_groups()
    for top, name in _GROUPS:
        for inside in paths:
            for folder in (Path(top, inside), *Path(top, inside).parents):
                if not folder.is_relative_to(top):
                    break
                try:
                    text = (folder / name).read_text()
                except OSError:
                    continue
                if text.strip().isdecimal():
                    found.append(int(text))
    return min(one for one in found if one > 0)


def for_queries(asked: int | None = None) -> int:
    """Bytes that a connection may take. Raises CmrError if too few are requested."""
    found = asked or limit.get() or max(LEAST, int(total() * SHARE))
    if found < LEAST:
        raise CmrError(f"--memory must be at least {LEAST // 2**20} MiB")
    return found


def for_scoring() -> int:
    """Bytes that scoring on CPUs may take by default."""
    return int(total() * SCORING_SHARE)


def _own_groups() -> list[str]:
    """This process's control groups as paths below their mounts; within a container just ""."""
    try:
        lines = Path("/proc/self/cgroup").read_text().splitlines()
    except OSError:
        return [""]
    named = [line.split(":", 2) for line in lines if line.count(":") >= 2]
    mine = [path.strip("/") for _, kinds, path in named if not kinds or "memory" in kinds]
    return list(dict.fromkeys(["", *(path for path in mine if ".." not in path)]))
