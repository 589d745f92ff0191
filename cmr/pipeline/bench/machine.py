"""Which machine this is, and how much of its memory a process uses."""

from __future__ import annotations

import os
import platform
import sys
from functools import cache
from importlib.metadata import version
from pathlib import Path

from cmr.rows import Row
from cmr.version import __version__

# Timings depend on these libraries: other versions make it a different measurement.
_LIBRARIES = ("torch", "numpy", "usearch", "open_clip_torch")


def cores() -> int:
    """Cores that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


@cache
def processor() -> str:
    """The processor's name."""
    with_name = Path("/proc/cpuinfo")
    if with_name.is_file():
        for line in with_name.read_text(encoding="utf-8", errors="replace").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()


def machine(device: str) -> Row:
    """What identifies a machine: its name, processor, cores, memory and device."""
    import psutil

    found: Row = {
        "name": platform.node(),
        "processor": processor(),
        "cores": cores(),
        "memory_gib": round(psutil.virtual_memory().total / 2**30),
        "system": platform.system(),
    }
    if device.startswith("cuda"):
        import torch

        found["accelerator"] = torch.cuda.get_device_name(device)
    return found


def versions() -> Row:
    """Versions of cmr, Python and the libraries that are timed."""
    return {
        "cmr": __version__,
        "python": platform.python_version(),
        **{name: version(name) for name in _LIBRARIES},
    }


def resident() -> int:
    """Bytes of memory that this process holds now (resident)."""
    import psutil

    return int(psutil.Process().memory_info().rss)


def forget_peak() -> None:
    """Reset the peak of resident memory, where the system can (Linux)."""
    forget = Path("/proc/self/clear_refs")
    if forget.exists():
        try:
            forget.write_text("5")
        except OSError:
            # Not permitted in some containers: the peak then covers the process's whole life.
            return


def peak_resident() -> int:
    """Peak resident bytes since `forget_peak`, or since the process began."""
    status = Path("/proc/self/status")
    if status.is_file():
        for line in status.read_text().splitlines():
            if line.startswith("VmHWM"):
                return int(line.split()[1]) * 1024
    import resource

    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024
