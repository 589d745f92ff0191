"""Which device to compute on, and how much of its memory is in use."""

from __future__ import annotations

import torch

from cmr.errors import CmrError


def pick_device(name: str) -> str:
    """`auto` is cuda where available, else cpu. Raises CmrError for an unavailable device."""
    if name == "auto":
        return "cuda" if torch.cuda.is_available() else "cpu"
    try:
        device = torch.device(name)
        torch.empty(1, device=device)
    except (RuntimeError, AssertionError) as error:
        raise CmrError(f"there is no device {name!r}: {str(error).splitlines()[0]}") from None
    return str(device)


def reset_peak(device: str) -> None:
    """Start a new measurement of the peak memory on a CUDA device."""
    if device.startswith("cuda"):
        torch.cuda.reset_peak_memory_stats(device)


def peak_bytes(device: str) -> int | None:
    """Peak memory on a CUDA device since `reset_peak`; None for others, which do not track it."""
    return torch.cuda.max_memory_allocated(device) if device.startswith("cuda") else None
