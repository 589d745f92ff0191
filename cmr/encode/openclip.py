"""open_clip models: one path for a downloaded ViT-B-32 and for the embedded scenes-tiny."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from PIL import Image

from cmr.encode.models import ModelSpec
from cmr.errors import CmrError

Floats = npt.NDArray[np.float32]


class Encoder:
    """A loaded model with its preprocessing and tokenizer."""

    def __init__(self, spec: ModelSpec, device: str = "cpu") -> None:
        """Load; raises CmrError, with open_clip's reason, if weights cannot be had."""
        import open_clip

        self.spec = spec
        self.device = torch.device(device)
        try:
            # This function refuses a model without weights; create_model would make them up.
            self._model, self._preprocess = open_clip.create_model_from_pretrained(
                spec.architecture,
                pretrained=spec.pretrained,
                device=self.device,
                precision=spec.precision,
            )
            self._tokenize = _tokenizer(spec)
        except Exception as error:
            reason = str(error).splitlines()[0] if str(error) else type(error).__name__
            raise CmrError(f"cannot load the model {spec.name}: {reason}") from None
        self._model.eval()
        self._dtype = {"fp16": torch.float16, "bf16": torch.bfloat16}.get(
            spec.precision, torch.float32
        )

    def preprocess(self, image: Image.Image) -> torch.Tensor:
        """One RGB picture to the (3, height, width) tensor that the model takes."""
        tensor: torch.Tensor = self._preprocess(image)
        return tensor

    def encode_images(self, batch: Sequence[torch.Tensor]) -> Floats:
        """Preprocessed pictures to (n, dim) float32, not yet normalised."""
        with torch.inference_mode():
            pictures = torch.stack(list(batch)).to(self.device, self._dtype)
            found = self._model.encode_image(pictures)
        return np.asarray(found.float().cpu().numpy())

    def encode_texts(self, batch: Sequence[str]) -> Floats:
        """Captions to (n, dim) float32, not yet normalised."""
        with torch.inference_mode():
            found = self._model.encode_text(self._tokenize(list(batch)).to(self.device))
        return np.asarray(found.float().cpu().numpy())

    def details(self) -> dict[str, Any]:
        """What else decides the vectors: preprocessing and context length."""
        visual = getattr(self._model, "visual", None)
        config = dict(getattr(visual, "preprocess_cfg", {}) or {})
        length = getattr(self._tokenize, "context_length", None)
        return {"preprocess": config, "context_length": length}


def _tokenizer(spec: ModelSpec) -> Callable[[list[str]], torch.Tensor]:
    """open_clip's tokenizer; a short vocabulary in a local folder is found beside the weights.

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
