"""Dual encoders of Hugging Face transformers: CLIP, SigLIP and similar models."""

from __future__ import annotations

from collections.abc import Sequence
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image

from cmr.encode.encoder import EncoderKind, Floats, weights_hash
from cmr.encode.models import folder_hash
from cmr.encode.quiet import quiet_loading
from cmr.encode.spec import ModelSpec
from cmr.encode.thin import Preprocessing
from cmr.errors import CmrError

_DTYPES = {"fp32": torch.float32, "fp16": torch.float16, "bf16": torch.bfloat16}
_INSTALL = "transformers is not installed; pip install '.[transformers]'"


class Transformers:
    """A loaded model with its processor. Texts are padded to the full length, as SigLIP needs."""

    def __init__(self, spec: ModelSpec, device: str = "cpu") -> None:
        """Load from a folder or the Hub; raises CmrError, with the reason, if that fails.

        Code that comes with a model is never run, and weights are read from safetensors or as
        weights only, never unpickled.
        """
        try:
            import transformers
        except ImportError:
            raise CmrError(_INSTALL) from None
        library: Any = transformers
        self.device = torch.device(device)
        where = spec.architecture
        try:
            with quiet_loading():
                model, report = library.AutoModel.from_pretrained(
                    where, dtype=_DTYPES[spec.precision], output_loading_info=True
                )
            self._pictures = library.AutoImageProcessor.from_pretrained(where)
            self._tokenizer = library.AutoTokenizer.from_pretrained(where)
        except Exception as error:
            reason = str(error).splitlines()[0] if str(error) else type(error).__name__
            raise CmrError(f"cannot load the model {spec.name}: {reason}") from None
        if report["missing_keys"]:
            raise CmrError(
                f"cannot load the model {spec.name}: it lacks the weights "
                f"{sorted(report['missing_keys'])[0]!r}, which would be random"
            )
        if not hasattr(model, "get_image_features") or not hasattr(model, "get_text_features"):
            raise CmrError(f"the model {spec.name} is not a dual encoder of pictures and texts")
        self._steps = preprocessing_of(self._pictures)
        self._model = model.to(self.device).eval()
        self._dtype = _DTYPES[spec.precision]
        self._length = int(model.config.text_config.max_position_embeddings)

    def preprocess(self, image: Image.Image) -> torch.Tensor:
        """Turn one RGB picture into the model's (3, height, width) input tensor."""
        spared = image if self._steps is None else self._steps.spare(image)
        found = self._pictures(images=spared, return_tensors="pt")
        if set(found) != {"pixel_values"}:
            more = ", ".join(sorted(set(found) - {"pixel_values"}))
            raise CmrError(f"the model takes {more} besides the pixels, which cmr does not provide")
        tensor: torch.Tensor = found["pixel_values"][0]
        return tensor

    def encode_images(self, batch: Sequence[torch.Tensor]) -> Floats:
        """Encode preprocessed pictures as (n, dim) float32, not yet normalised."""
        with torch.inference_mode():
            pictures = torch.stack(list(batch)).to(self.device, self._dtype)
            return _floats(self._model.get_image_features(pixel_values=pictures))

    def encode_texts(self, batch: Sequence[str]) -> Floats:
        """Encode captions as (n, dim) float32, not yet normalised."""
        tokens = self._tokenizer(
            list(batch),
            padding="max_length",
            max_length=self._length,
            truncation=True,
            return_tensors="pt",
        )
        with torch.inference_mode():
            return _floats(self._model.get_text_features(**tokens.to(self.device)))

    def token_counts(self, batch: Sequence[str]) -> list[int]:
        """Number of tokens of each caption, including special ones, before truncation."""
        found = self._tokenizer(list(batch), verbose=False)["input_ids"]
        return [len(ids) for ids in found]

    def details(self) -> dict[str, Any]:
        """What else determines the vectors: weights, preprocessing, tokenizer, context length."""
        chosen = self._pictures.to_dict()
        said = ("do_", "size", "crop_size", "resample", "rescale_factor", "image_mean", "image_std")
        kept = {name: chosen[name] for name in sorted(chosen) if name.startswith(said)}
        return {
            "weights_sha256": weights_hash(self._model.state_dict()),
            "preprocess": f"{type(self._pictures).__name__} {kept}",
            "tokenizer": f"{type(self._tokenizer).__name__}, {len(self._tokenizer)} tokens",
            "context_length": self._length,
        }


def preprocessing_of(processor: Any) -> Preprocessing | None:
    """How a processor resizes; None if the way is unknown."""
    if not getattr(processor, "do_resize", False):
        return None
    size = {name: side for name, side in dict(processor.size or {}).items() if side}
    crop = dict(getattr(processor, "crop_size", None) or {})
    cropped = getattr(processor, "do_center_crop", False) and {"height", "width"} <= set(crop)
    resample = Image.Resampling(getattr(processor, "resample", None) or Image.Resampling.BILINEAR)
    if set(size) == {"shortest_edge"} and cropped:
        edge = size["shortest_edge"]
        middle = (crop["height"], crop["width"])
        return Preprocessing((edge, edge), middle, True, resample, pillow=False)
    if set(size) == {"height", "width"}:
        whole = (size["height"], size["width"])
        return Preprocessing(whole, whole, False, resample, pillow=False)
    return None


def _floats(found: Any) -> Floats:
    """The vectors in a model's output: a tensor, or from release 5 on an object holding one."""
    tensor = found if isinstance(found, torch.Tensor) else found.pooler_output
    return np.asarray(tensor.float().cpu().numpy())


def _settings(spec: ModelSpec) -> dict[str, str]:
    try:
        own = version("transformers")
    except PackageNotFoundError:
        raise CmrError(_INSTALL) from None
    folder = Path(spec.architecture)
    weights = folder_hash(folder) if folder.is_dir() else spec.architecture
    return {"transformers": own, "weights": weights}


KIND = EncoderKind("CLIP and SigLIP models of transformers.", Transformers, _settings)
