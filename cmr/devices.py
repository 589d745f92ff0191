"""Which device to compute on, and how much of its memory is in use."""

from __future__ import annotations

from cmr.errors import CmrError


def pick_device(name: str) -> str:
    """`auto` is cuda where available, else cpu. Raises CmrError for an unavailable device."""
    import torch

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
        import torch

        torch.cuda.reset_peak_memory_stats(device)


def peak_bytes(device: str) -> int | None:
    """Peak memory on a CUDA device since `reset_peak`; None for others, which do not track it."""
    if not device.startswith("cuda"):
        return None
    import torch

    return torch.cuda.max_memory_allocated(device)
