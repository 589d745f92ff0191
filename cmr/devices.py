"""Which device to compute on."""

from __future__ import annotations

import torch

from cmr.errors import CmrError


def pick_device(name: str) -> str:
    """`auto` is cuda where there is one, else cpu. Raises CmrError for what is not there."""
    if name == "auto":
        return "cuda" if torch.cuda.is_available() else "cpu"
    try:
        device = torch.device(name)
        torch.empty(1, device=device)
    except (RuntimeError, AssertionError) as error:
        raise CmrError(f"there is no device {name!r}: {str(error).splitlines()[0]}") from None
    return str(device)
