"""Multimodal models of sentence-transformers: texts, and pictures or clips."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image

from cmr.encode.encoder import EncoderKind, Floats, Media, weights_hash
from cmr.encode.models import folder_hash
from cmr.encode.quiet import quiet_loading
from cmr.encode.spec import ModelSpec
from cmr.encode.unreadable import UNPREPARED, RefusedError, UnreadableError, one_item
from cmr.errors import CmrError
from cmr.identity import identity

_DTYPES = {"fp32": torch.float32, "fp16": torch.float16, "bf16": torch.bfloat16}
_INSTALL = "sentence-transformers is not installed; pip install '.[sentence-transformers]'"
_SMOOTH = Image.Resampling.BICUBIC
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
            with quiet_loading(), _random_weights() as missing:
                model = library.SentenceTransformer(
                    spec.architecture,
                    device=device,
                    trust_remote_code=spec.remote_code,
                    # Unlike a later `to`, this leaves alone what a model keeps in float32, such as
                    # the frequencies of rotary positions.
                    model_kwargs={"dtype": _DTYPES[spec.precision]},
                )
        except Exception as error:
            reason = str(error).splitlines()[0] if str(error) else type(error).__name__
            raise CmrError(f"cannot load the model {spec.name}: {reason}") from None
        if missing:
            raise CmrError(
                f"cannot load the model {spec.name}: it lacks weights, which would be random"
            )
        self._name, self._modalities = spec.name, set(model.modalities)
        self._refuse_lack("text")
        if "video" not in self._modalities:
            self._refuse_lack("image")
        self._model = model.eval()
        # A template of one's own takes the place of the model's prompt.
        self._prompt = None if spec.prompt is None else ""

    def preprocess(self, image: Image.Image) -> torch.Tensor:
        """One RGB picture as (height, width, 3) uint8, because the library prepares batches."""
        return torch.from_numpy(np.array(image.convert("RGB")))

    def encode_images(self, batch: Sequence[torch.Tensor]) -> Floats:
        """Encode pictures as documents, (n, dim) float32, not yet normalised."""
        self._refuse_lack("image")
        return self._documents([Image.fromarray(np.asarray(one)) for one in batch])

    def encode_clips(self, batch: Sequence[Media]) -> Floats:
        """Encode clips as documents, each as one video, (n, dim) float32, not yet normalised.

        The frames are those that were chosen: the model's processor samples none of them.
        """
        if "video" not in self._modalities:
            raise CmrError(f"the model {self._name} takes no video; add --clips-as frames")
        sampled = {"video": {"do_sample_frames": False}}
        processor = getattr(self._model.processor, "video_processor", None)
        least = int(getattr(processor, "temporal_patch_size", None) or 1)
        return self._documents([as_video(one, least) for one in batch], processing_kwargs=sampled)

    def _documents(self, inputs: Sequence[Any], **options: Any) -> Floats:
        """Encode inputs as documents; raises RefusedError for those that cannot be prepared.

        The library prepares whole batches, so that one bad input fails all of them: only then is
        each prepared by itself, to find out which it was.
        """
        try:
            return _floats(self._model.encode_document(inputs, **options, **_quiet(inputs)))
        except Exception:
            refused = {}
            for place, one in enumerate(inputs):
                try:
                    with one_item(UNPREPARED):
                        self._model.preprocess([one], **options)
                except UnreadableError as reason:
                    refused[place] = str(reason)
            if not refused:
                raise
        raise RefusedError(refused)

    def encode_texts(self, batch: Sequence[str]) -> Floats:
        """Encode captions as queries, (n, dim) float32, not yet normalised."""
        # Named as texts: the library would fetch a caption that is the address of a picture.
        texts = [{"text": one} for one in batch]
        return _floats(self._model.encode_query(texts, prompt=self._prompt, **_quiet(batch)))

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
            "modalities": sorted(self._modalities),
            "tokenizer": type(tokenizer).__name__,
            "prompts": dict(self._model.prompts) | ({"query": ""} if self._prompt == "" else {}),
            "context_length": None if length is None or tokenizer is None else int(length),
            "matryoshka_dims": declared_dims(self._model),
        }

    def _refuse_lack(self, modality: str) -> None:
        if modality not in self._modalities:
            raise CmrError(f"the model {self._name} takes no {modality}")


def as_video(clip: Media, least: int) -> dict[str, Any]:
    """A clip's frames, (frames, height, width, 3) uint8, and their times, as the library takes it.

    A time is the number of a frame at the clip's average rate. Frames of another size than the
    first are scaled to it, as in a player's window. The last of fewer than `least` is repeated, as
    processors do to fill their patches of time, which refuse a single frame.
    """
    assert clip.rate is not None
    assert clip.duration is not None
    height, width = clip.inputs[0].shape[:2]
    frames = [Image.fromarray(np.asarray(one)) for one in clip.inputs]
    scaled = [
        one if one.size == (width, height) else one.resize((width, height), _SMOOTH)
        for one in frames
    ]
    lacking = max(0, least - len(scaled))
    scaled += scaled[-1:] * lacking
    places = [round(time * clip.rate) for time in clip.times]
    places += places[-1:] * lacking
    said = {
        "fps": clip.rate,
        "total_num_frames": max(round(clip.duration * clip.rate), places[-1] + 1),
        "duration": clip.duration,
        "frames_indices": places,
    }
    return {"array": np.stack([np.asarray(one) for one in scaled]), "video_metadata": said}


def takes_video(spec: ModelSpec) -> bool | None:
    """Whether a model's files declare that it takes video; None if they do not tell.

    They are a few small ones: nothing is loaded.
    """
    modules = _json(spec, "modules.json") or [{"path": ""}]
    own = _json(spec, str(Path(modules[0]["path"], "sentence_bert_config.json"))) or {}
    if "modality_config" in own:
        return "video" in own["modality_config"]
    # Not every model is saved with its modalities. A processor of clips is of no other use.
    nested = "video_processor" in (_json(spec, "processor_config.json") or {})
    return True if nested or _json(spec, "video_preprocessor_config.json") else None


def _json(spec: ModelSpec, name: str) -> Any:
    """What a file of a model holds; None if it is not there or cannot be read."""
    from huggingface_hub import hf_hub_download

    folder = Path(spec.architecture)
    try:
        path = folder / name if folder.is_dir() else hf_hub_download(spec.architecture, name)
        return json.loads(Path(path).read_text(encoding="utf-8"))
    except Exception:
        # Whatever is wrong with the model is told where it is loaded.
        return None


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


KIND = EncoderKind(
    "Multimodal models of sentence-transformers.", SentenceTransformers, _settings, takes_video
)
