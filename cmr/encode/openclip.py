"""open_clip models: one path for a downloaded ViT-B-32 and for the embedded scenes-tiny."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image

from cmr.encode.encoder import EncoderKind, Floats, weights_hash
from cmr.encode.models import check_open_clip, folder_hash
from cmr.encode.spec import ModelSpec
from cmr.encode.thin import Preprocessing
from cmr.errors import CmrError
from cmr.identity import file_hash


class OpenClip:
    """A loaded model with its preprocessing and tokenizer."""

    def __init__(self, spec: ModelSpec, device: str = "cpu") -> None:
        """Load; raises CmrError, with open_clip's reason, if weights are unavailable."""
        import open_clip

        self.device = torch.device(device)
        check_open_clip(spec.architecture, spec.pretrained)
        try:
            # This function refuses a model without weights; create_model would initialise them at
            # random. Checkpoints are loaded as weights only: nothing in them is ever unpickled.
            self._model, self._preprocess = open_clip.create_model_from_pretrained(
                spec.architecture,
                pretrained=spec.pretrained,
                device=self.device,
                precision=spec.precision,
                weights_only=True,
            )
            self._tokenize = _tokenizer(spec)
        except Exception as error:
            reason = str(error).splitlines()[0] if str(error) else type(error).__name__
            raise CmrError(f"cannot load the model {spec.name}: {reason}") from None
        self._model.eval()
        self._steps = preprocessing_of(self._preprocess)
        self._dtype = {"fp16": torch.float16, "bf16": torch.bfloat16}.get(
            spec.precision, torch.float32
        )

    def preprocess(self, image: Image.Image) -> torch.Tensor:
        """Turn one RGB picture into the model's (3, height, width) input tensor."""
        spared = image if self._steps is None else self._steps.spare(image)
        tensor: torch.Tensor = self._preprocess(spared)
        return tensor

    def encode_images(self, batch: Sequence[torch.Tensor]) -> Floats:
        """Encode preprocessed pictures as (n, dim) float32, not yet normalised."""
        with torch.inference_mode():
            pictures = torch.stack(list(batch)).to(self.device, self._dtype)
            found = self._model.encode_image(pictures)
        return np.asarray(found.float().cpu().numpy())

    def encode_texts(self, batch: Sequence[str]) -> Floats:
        """Encode captions as (n, dim) float32, not yet normalised."""
        with torch.inference_mode():
            found = self._model.encode_text(self._tokenize(list(batch)).to(self.device))
        return np.asarray(found.float().cpu().numpy())

    def token_counts(self, batch: Sequence[str]) -> list[int]:
        """Number of tokens of each caption, including start and end, before truncation."""
        tokenizer: Any = self._tokenize
        if hasattr(tokenizer, "encode"):
            return [len(tokenizer.encode(text)) + 2 for text in batch]
        cleaned = [tokenizer.clean_fn(text) for text in batch]
        return [len(ids) for ids in tokenizer.tokenizer(cleaned)["input_ids"]]

    def details(self) -> dict[str, Any]:
        """What else determines the vectors: weights, preprocessing, tokenizer, context length."""
        tokenizer: Any = self._tokenize
        inner = getattr(tokenizer, "tokenizer", tokenizer)
        words = getattr(inner, "vocab_size", None)
        return {
            "weights_sha256": weights_hash(self._model.state_dict()),
            "preprocess": _plain(self._preprocess),
            "tokenizer": f"{type(inner).__name__}, {words} tokens",
            "context_length": getattr(tokenizer, "context_length", None),
        }


def preprocessing_of(preprocess: Any) -> Preprocessing | None:
    """How a torchvision transform resizes; None if it needs no bound, or is unknown."""
    from open_clip.transform import ResizeKeepRatio
    from torchvision.transforms import CenterCrop, Resize
    from torchvision.transforms.functional import pil_modes_mapping

    found = {type(step): step for step in getattr(preprocess, "transforms", [])}
    crop = tuple(found[CenterCrop].size) if CenterCrop in found else None
    if Resize in found:
        step = found[Resize]
        size = step.size if isinstance(step.size, Sequence) else (step.size,)
        shortest = len(size) == 1
        size = (size[0], size[-1])
    elif ResizeKeepRatio in found and not found[ResizeKeepRatio].longest:
        step, shortest = found[ResizeKeepRatio], True
        size = step.size
    else:
        return None
    if shortest and crop is None:
        return None
    resample = Image.Resampling(pil_modes_mapping[step.interpolation])
    return Preprocessing(size, crop or size, shortest, resample)


def _plain(preprocess: Any) -> str:
    """The steps of a torchvision transform in one line."""
    steps = getattr(preprocess, "transforms", [preprocess])
    named = [step.__name__ if inspect.isfunction(step) else str(step) for step in steps]
    return ", ".join(" ".join(name.split()) for name in named)


def _tokenizer(spec: ModelSpec) -> Callable[[list[str]], torch.Tensor]:
    """open_clip's tokenizer; a short vocabulary in a local folder is looked up beside the weights.

    open_clip resolves a relative `bpe_path` of a config against the working directory.
    """
    import open_clip

    options: dict[str, str] = {}
    if spec.folder is not None:
        merges = sorted(spec.folder.glob("*bpe*.txt.gz"))
        if merges and "bpe_path" in inspect.signature(open_clip.SimpleTokenizer).parameters:
            options["bpe_path"] = str(merges[0])
    tokenizer: Callable[[list[str]], torch.Tensor] = open_clip.get_tokenizer(
        spec.architecture, **options
    )
    return tokenizer


def _settings(spec: ModelSpec) -> dict[str, str]:
    if spec.folder is not None:
        weights = folder_hash(spec.folder)
    elif spec.pretrained and Path(spec.pretrained).is_file():
        weights = file_hash(spec.pretrained)[:16]
    else:
        weights = spec.pretrained or spec.architecture
    return {"open_clip": version("open_clip_torch"), "weights": weights}


KIND = EncoderKind("Models of open_clip, the default.", OpenClip, _settings)
