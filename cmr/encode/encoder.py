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


@dataclass(frozen=True)
class Media:
    """A decoded picture or clip: the model's inputs, the frames' times, a length in seconds.

    `rate`: all frames of a clip per second.
    """

    inputs: list[torch.Tensor]
    times: list[float]
    duration: float | None
    rate: float | None = None


class Encoder(Protocol):
    """A loaded dual encoder with its preprocessing and tokenizer."""

    def preprocess(self, image: Image.Image) -> torch.Tensor:
        """Turn one RGB picture into the model's input tensor; called from several threads."""

    def encode_images(self, batch: Sequence[torch.Tensor]) -> Floats:
        """Encode preprocessed pictures as (n, dim) float32; need not be of unit length.

        Raises RefusedError for those that the model's processor refuses.
        """

    def encode_texts(self, batch: Sequence[str]) -> Floats:
        """Encode captions as (n, dim) float32; need not be of unit length."""

    def token_counts(self, batch: Sequence[str]) -> list[int]:
        """Number of tokens of each caption, including special ones, before truncation."""

    def details(self) -> Mapping[str, Any]:
        """What determines the vectors and is known only after loading, as JSON values.

        `weights_sha256`, `preprocess`, `tokenizer` and `context_length` (None if there is no
        limit).
        """


class ClipEncoder(Encoder, Protocol):
    """An encoder that also takes whole clips."""

    def encode_clips(self, batch: Sequence[Media]) -> Floats:
        """Encode clips' preprocessed frames as one video each, (n, dim) float32, of any length.

        Raises CmrError if the model turns out to take no video, and RefusedError as for pictures.
        """


def _no_clips(spec: ModelSpec) -> bool | None:
    return False


@dataclass(frozen=True)
class EncoderKind:
    """A way to load models, chosen by `--model NAME:…`.

    `summary`: one line for the help. `load(spec, device)` raises CmrError if weights are
    unavailable. `settings(spec)` identifies weights and libraries without loading them.
    `takes_clips(spec)`: whether the model takes whole clips, without loading it, so that `load`
    gives a `ClipEncoder`; None if only loading it would tell.
    """

    summary: str
    load: Callable[[ModelSpec, str], Encoder]
    settings: Callable[[ModelSpec], Mapping[str, str]]
    takes_clips: Callable[[ModelSpec], bool | None] = _no_clips


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
