"""The interface of an encoder: a loaded model, and the kind that loads it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    import torch
    from PIL import Image

    from cmr.encode.spec import ModelSpec

Floats = npt.NDArray[np.float32]


class Encoder(Protocol):
    """A loaded dual encoder with its preprocessing and tokenizer."""

    def preprocess(self, image: Image.Image) -> torch.Tensor:
        """Turn one RGB picture into the model's input tensor; called from several threads."""

    def encode_images(self, batch: Sequence[torch.Tensor]) -> Floats:
        """Encode preprocessed pictures as (n, dim) float32; need not be of unit length."""

    def encode_texts(self, batch: Sequence[str]) -> Floats:
        """Encode captions as (n, dim) float32; need not be of unit length."""

    def token_counts(self, batch: Sequence[str]) -> list[int]:
        """Number of tokens of each caption, including special ones, before truncation."""

    def details(self) -> Mapping[str, Any]:
        """What determines the vectors and is known only after loading, as JSON values.

        `weights_sha256`, `preprocess`, `tokenizer` and `context_length` (None if there is no
        limit).
        """


@dataclass(frozen=True)
class EncoderKind:
    """A way to load models, chosen by `--model NAME:…`.

    `summary`: one line for the help. `load(spec, device)` raises CmrError if weights are
    unavailable. `settings(spec)` identifies weights and libraries without loading them.
    """

    summary: str
    load: Callable[[ModelSpec, str], Encoder]
    settings: Callable[[ModelSpec], Mapping[str, str]]


def weights_hash(tensors: Mapping[str, torch.Tensor]) -> str:
    """SHA-256 of named weights, as 16 hexadecimal digits, the same on every device."""
    import hashlib

    import torch

    digest = hashlib.sha256()
    for name in sorted(tensors):
        tensor = tensors[name].detach().cpu().contiguous()
        digest.update(f"{name}{tensor.dtype}{tuple(tensor.shape)}".encode())
        digest.update(tensor.reshape(-1).view(torch.uint8).numpy().data)
    return digest.hexdigest()[:16]
