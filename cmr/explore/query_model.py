"""The data set's own model, which encodes what is typed or dropped on the page."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

from cmr.encode.batches import How, encode_media, prepare_media
from cmr.encode.encoder import Encoder
from cmr.encode.sampling import Sampling
from cmr.encode.spec import ModelSpec
from cmr.encode.unreadable import RefusedError
from cmr.errors import CmrError
from cmr.pipeline.own_model import (
    hub_spec,
    load_again,
    made_by,
    spec_of,
    weights_of,
)
from cmr.represent.unit_vectors import Floats, normalise
from cmr.sources.collection import Item
from cmr.warehouse.store import Store


@dataclass(frozen=True)
class Opening:
    """How models are opened, where their names do not tell: as for `cmr bench`."""

    encoder: str | None = None
    pretrained: str | None = None


class QueryModel:
    """One model of a data set, loaded when it is first needed.

    Every use of it raises CmrError, the same each time, if it cannot be loaded.
    """

    def __init__(self, warehouse: Store, dataset: str, model: str, opening: Opening) -> None:
        self._name, self._opening = model, opening
        self._settings = made_by(warehouse, dataset, model)
        self._fault: str | None = None

    def text(self, caption: str) -> tuple[Floats, int]:
        """A caption's unit vector, (1, native), and how many of its tokens the model leaves out."""
        encoder, spec = self._encoder
        prompted = spec.prompted(caption)
        vector = normalise(encoder.encode_texts([prompted]), ["typed"], "the caption")
        length = self._context
        # A token is at least one byte, so that a short caption need not be tokenised.
        if length is None or len(prompted.encode()) <= length - 2:
            return vector, 0
        return vector, max(0, encoder.token_counts([prompted])[0] - length)

    def picture(self, data: bytes) -> Floats:
        """The unit vector of a picture's bytes, or of a clip's where the data set has clips.

        (1, native). Raises CmrError, with the reason, for bytes that are neither.
        """
        encoder, _ = self._encoder
        reader, item = _Given(data), Item("dropped", uri="dropped")
        sampling = Sampling.recorded(self._settings)
        media = prepare_media(encoder, reader, item, None)
        if isinstance(media, str) and sampling is not None:
            media = prepare_media(encoder, reader, item, sampling)
        else:
            sampling = None
        if isinstance(media, str):
            raise CmrError(f"the picture cannot be used: {media}")
        try:
            vectors, _ = encode_media(encoder, [media], How(sampling=sampling))
        except RefusedError as reason:
            raise CmrError(f"the picture cannot be used: {reason}") from None
        return normalise(vectors, ["dropped"], "the picture")

    def ready(self) -> None:
        """Load it now, if it is not loaded."""
        self._encoder  # noqa: B018

    @property
    def _encoder(self) -> tuple[Encoder, ModelSpec]:
        if self._fault is not None:
            raise CmrError(self._fault)
        try:
            return self._loaded
        except CmrError as error:
            self._fault = str(error)
            raise

    @cached_property
    def _loaded(self) -> tuple[Encoder, ModelSpec]:
        settings, asked = self._settings, self._opening
        if "encoder" not in settings:
            raise CmrError(
                f"the vectors of {self._name!r} were given, not encoded by a model: search with a "
                "stored item, by a click or by its caption or id"
            )
        spec = None if asked.encoder else hub_spec(settings, self._name)
        if spec is None:
            spec = spec_of(settings, self._name, asked.encoder, asked.pretrained)
        return load_again(spec, "cpu", weights_of(settings)), spec

    @cached_property
    def _context(self) -> int | None:
        encoder, _ = self._encoder
        found: int | None = encoder.details().get("context_length")
        return found


@dataclass(frozen=True)
class _Given:
    """Reads what was dropped, whatever its name."""

    data: bytes

    def read(self, uri: str) -> bytes:
        return self.data
