"""Names of unfinished files, which tell whether the process writing them is still alive."""

from __future__ import annotations

import hashlib
import os
import secrets
import socket
from functools import cache


def mark() -> str:
    """A suffix for a new name: where this process runs, its process id, and random letters."""
    return f"{_place()}-{os.getpid()}-{secrets.token_hex(4)}"


def left_behind(end: str) -> bool:
    """Whether the file with this suffix was made here by a process that has since ended.

    False for another machine or container, whose processes cannot be seen from here.
    """
    place, _, rest = end.partition("-")
    process = rest.partition("-")[0]
    if place != _place() or not process.isdecimal():
        return False
    # Slow to import, and not needed to make a name.
    import psutil

    return not psutil.pid_exists(int(process))


@cache
def _place() -> str:
    """A hash of the machine and the container on it: process ids are unique within the two."""
    try:
        room = os.stat("/proc/self/ns/pid").st_ino
    except OSError:
        room = 0
    return hashlib.sha256(f"{socket.gethostname()}\n{room}".encode()).hexdigest()[:8]
