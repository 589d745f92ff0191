"""Multimodal models of sentence-transformers: whatever it opens that takes texts and pictures."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image

from cmr.encode.encoder import EncoderKind, Floats, weights_hash
from cmr.encode.models import folder_hash
from cmr.encode.spec import ModelSpec
from cmr.errors import CmrError
from cmr.identity import identity

_DTYPES = {"fp32": torch.float32, "fp16": torch.float16, "bf16": torch.bfloat16}
_INSTALL = "sentence-transformers is not installed; pip install '.[sentence-transformers]'"
# Keys of a model's configuration that declare the dimensions it may be truncated to.
_MATRYOSHKA = ("matryoshka_dims", "matryoshka_dimensions")


class SentenceTransformers:
    """A loaded model. Captions are encoded as its queries, and pictures as its documents."""

    def __init__(self, spec: ModelSpec, device: str = "cpu") -> None:
        """Load from a folder or the Hub; raises CmrError, with the reason, if that fails.

        Code that comes with a model is run only if `spec.remote_code` says so.
        """
        try:
            import sentence_transformers
        except ImportError:
            raise CmrError(_INSTALL) from None
        library: Any = sentence_transformers
        try:
            with _random_weights() as missing:
                model = library.SentenceTransformer(
                    spec.architecture,
                    device=device,
                    trust_remote_code=spec.remote_code,
                )
        except Exception as error:
            reason = str(error).splitlines()[0] if str(error) else type(error).__name__
            raise CmrError(f"cannot load the model {spec.name}: {reason}") from None
        if missing:
            raise CmrError(
                f"cannot load the model {spec.name}: it lacks weights, which would be random"
            )
        lacking = {"text", "image"} - set(model.modalities)
        if lacking:
            raise CmrError(f"the model {spec.name} takes no {' or '.join(sorted(lacking))}")
        self._model = model.to(_DTYPES[spec.precision]).eval()
        # A template of one's own takes the place of the model's prompt.
        self._prompt = None if spec.prompt is None else ""

    def preprocess(self, image: Image.Image) -> torch.Tensor:
        """One RGB picture as (height, width, 3) uint8, because the library prepares batches."""
        return torch.from_numpy(np.array(image.convert("RGB")))

    def encode_images(self, batch: Sequence[torch.Tensor]) -> Floats:
        """Encode pictures as documents, (n, dim) float32, not yet normalised."""
        pictures = [Image.fromarray(np.asarray(one)) for one in batch]
        return _floats(self._model.encode_document(pictures, **_quiet(batch)))

    def encode_texts(self, batch: Sequence[str]) -> Floats:
        """Encode captions as queries, (n, dim) float32, not yet normalised."""
        return _floats(self._model.encode_query(list(batch), prompt=self._prompt, **_quiet(batch)))

    def token_counts(self, batch: Sequence[str]) -> list[int]:
        """Number of tokens of each caption with its prompt, before truncation."""
        prompt = self._model.prompts.get("query", "") if self._prompt is None else self._prompt
        found = self._model.tokenizer([prompt + text for text in batch], verbose=False)
        return [len(ids) for ids in found["input_ids"]]

    def details(self) -> dict[str, Any]:
        """What else determines the vectors: weights, processor, prompts, context length."""
        length, tokenizer = self._model.max_seq_length, self._model.tokenizer
        return {
            "weights_sha256": weights_hash(self._model.state_dict()),
            "modules": [type(module).__name__ for module in self._model],
            "preprocess": f"{type(self._model.processor).__name__} of sentence-transformers",
            "tokenizer": type(tokenizer).__name__,
            "prompts": dict(self._model.prompts) | ({"query": ""} if self._prompt == "" else {}),
            "context_length": None if length is None or tokenizer is None else int(length),
            "matryoshka_dims": declared_dims(self._model),
        }


def declared_dims(model: Any) -> list[int] | None:
    """The dimensions that a model's configuration says it may be truncated to, or None."""
    config = getattr(getattr(model[0], "model", None), "config", None)
    for name in _MATRYOSHKA:
        found = getattr(config, name, None)
        if isinstance(found, list) and all(type(dim) is int and dim > 0 for dim in found):
            return sorted(found)
    return None


def _quiet(batch: Sequence[Any]) -> dict[str, Any]:
    return {"batch_size": max(1, len(batch)), "show_progress_bar": False}


def _floats(found: Any) -> Floats:
    return np.asarray(found, dtype=np.float32)


@contextmanager
def _random_weights() -> Iterator[list[str]]:
    """Collects what transformers warns of weights that a checkpoint lacks."""
    found: list[str] = []

    class Listener(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            text = record.getMessage()
            if "newly initialized" in text or "MISSING" in text:
                found.append(text)

    logger, listener = logging.getLogger("transformers"), Listener(logging.WARNING)
    logger.addHandler(listener)
    try:
        yield found
    finally:
        logger.removeHandler(listener)


def _settings(spec: ModelSpec) -> dict[str, str]:
    try:
        own = {name: version(name) for name in ("sentence-transformers", "transformers")}
    except PackageNotFoundError:
        raise CmrError(_INSTALL) from None
    folder = Path(spec.architecture)
    weights = spec.architecture
    if folder.is_dir():
        parts = [folder, *sorted(path for path in folder.rglob("*") if path.is_dir())]
        weights = identity(**{str(one.relative_to(folder)): folder_hash(one) for one in parts})
    return {**own, "weights": weights, **({"remote_code": "run"} if spec.remote_code else {})}


KIND = EncoderKind("Multimodal models of sentence-transformers.", SentenceTransformers, _settings)
