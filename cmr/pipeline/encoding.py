"""Encoding a collection: only items that were not encoded before go through the model."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from typing import Any

from cmr.encode.encoder_kinds import get_kind
from cmr.encode.models import model_settings
from cmr.encode.sampling import AS_FRAMES, AS_WHOLE, CLIPS_AS, SAMPLINGS, Sampling
from cmr.encode.spec import ModelSpec
from cmr.errors import CmrError
from cmr.pipeline.contents import without
from cmr.pipeline.known_vectors import Encoding, content_key
from cmr.progressbar import Advance, ProgressBar, waiting
from cmr.sources.collection import TEXT, VISUAL, Collection, Item, Reject


@dataclass(frozen=True)
class EncodeOptions:
    """How media are encoded. `max_rejects`: share of the visuals that may be left out.

    `frames`, `sampling`, `rate`: for clips, see `cmr.encode.sampling`; `clips_as`: whole, frames,
    or None for whole where the model takes video; `keep_frames`: also store the frames' vectors.
    """

    device: str = "auto"
    batch_size: int = 64
    workers: int = os.cpu_count() or 1
    max_rejects: float = 0.01
    frames: int = 12
    sampling: str = "uniform"
    rate: float | None = None
    clips_as: str | None = None
    keep_frames: bool = False
    engine: str = "local"
    ray_address: str | None = None

    def of_clips(self, spec: ModelSpec) -> Sampling:
        """How clips are encoded. Raises CmrError for options that do not go together."""
        if self.sampling not in SAMPLINGS or self.clips_as not in (None, *CLIPS_AS):
            raise CmrError(
                f"sampling is one of {', '.join(SAMPLINGS)}, and clips_as of {', '.join(CLIPS_AS)}"
            )
        if self.rate is not None and self.sampling != "fps":
            raise CmrError(f"--rate is of --sampling fps, and here it is {self.sampling}")
        takes = None if self.clips_as == AS_FRAMES else get_kind(spec.kind).takes_clips(spec)
        if self.clips_as == AS_WHOLE and takes is False:
            raise CmrError(f"the model {spec.name} takes no video; add --clips-as frames")
        whole = bool(takes) or self.clips_as == AS_WHOLE
        if whole and self.keep_frames:
            raise CmrError(
                f"the model {spec.name} takes clips whole, so that no vectors of frames are there "
                "to keep; --clips-as frames encodes frames"
            )
        return Sampling(self.frames, self.sampling, self.rate or 1.0, whole)


def side_settings(
    spec: ModelSpec, collection: Collection, options: EncodeOptions
) -> dict[str, dict[str, str]]:
    """Everything except the item itself that determines a vector of either side."""
    clips: dict[str, str] = {}
    if collection.clips:
        clips = options.of_clips(spec).settings() | {
            "shown": "display matrix, pixel aspect, edit list",
            "av": version("av"),
        }
    common = model_settings(spec)
    return {
        TEXT: common | spec.of_texts(),
        VISUAL: common | spec.of_pictures() | clips,
    }


@dataclass(frozen=True)
class EncodingOutcome:
    """What encoding found: visuals that do not decode, and the number of truncated captions."""

    rejects: list[Reject]
    cut: int = 0


def encode_new(
    collection: Collection,
    sides: Mapping[str, Encoding],
    spec: ModelSpec,
    options: EncodeOptions,
    allowed: int,
    bar: ProgressBar,
) -> EncodingOutcome:
    """Encode what `sides` lack. Raises CmrError if more than `allowed` do not decode, or all."""
    visuals = sides[VISUAL].lacking(collection.visuals)
    if not visuals and not sides[TEXT].lacking(collection.texts):
        return EncodingOutcome([])
    from cmr.devices import pick_device
    from cmr.encode.batches import How, encode_images

    with waiting(bar, f"loading {spec.name}"):
        encoder = get_kind(spec.kind).load(spec, pick_device(options.device))
        details = encoder.details()
    sampling = Sampling.recorded(sides[VISUAL].settings)
    if sampling is not None:
        _refuse_undeclared(spec, options, sampling, details)
    for side in sides.values():
        side.loaded(details)
    faults: dict[str, str] = {}
    if options.engine == "ray":
        faults = _on_ray(collection, sides, spec, options, allowed, bar)
    elif visuals:
        assert collection.reader is not None
        what = "clips" if collection.clips else "pictures"
        how = How(options.batch_size, options.workers, allowed, sampling)
        with bar(f"encoding {what}", len(visuals), what) as advance:
            rejects = encode_images(
                encoder, visuals, collection.reader, how, sides[VISUAL].add, advance
            )
        reasons = {reject.source_row: reject.reason for reject in rejects}
        for item in visuals:
            if (item.uri or item.item_id) in reasons:
                faults[content_key(item)] = reasons[item.uri or item.item_id]
    left = [item for item in collection.visuals if content_key(item) not in faults]
    if not left:
        raise CmrError(f"no {'clip' if collection.clips else 'picture'} could be read")
    texts = without(collection, [], left).texts
    with bar("encoding captions", len(sides[TEXT].lacking(texts)), "captions") as advance:
        _encode_texts(encoder, spec, sides[TEXT], texts, options.batch_size, advance)
    cut = _cut(encoder, spec, texts, details.get("context_length"))
    return EncodingOutcome(
        [
            Reject(item.uri or item.item_id, faults[content_key(item)])
            for item in collection.visuals
            if content_key(item) in faults
        ],
        cut,
    )


def _refuse_undeclared(
    spec: ModelSpec, options: EncodeOptions, sampling: Sampling, details: Mapping[str, Any]
) -> None:
    """Raise CmrError if the default became frames, and the model turns out to take video.

    Its files did not tell, or could not be read, before it was loaded.
    """
    if options.clips_as is None and not sampling.whole and "video" in details.get("modalities", ()):
        raise CmrError(
            f"the model {spec.name} takes video, which its files did not tell before it was "
            f"loaded; say --clips-as {AS_WHOLE} or --clips-as {AS_FRAMES}"
        )


def _on_ray(
    collection: Collection,
    sides: Mapping[str, Encoding],
    spec: ModelSpec,
    options: EncodeOptions,
    allowed: int,
    bar: ProgressBar,
) -> dict[str, str]:
    """Encode on Ray what `sides` lack; returns the faults of visuals by content."""
    from cmr.encode.batches import How, refuse_rejects
    from cmr.engine.ray_encode import Target, encode_texts, encode_visuals
    from cmr.engine.ray_session import session

    sampling = Sampling.recorded(sides[VISUAL].settings)
    how = How(options.batch_size, options.workers, allowed, sampling)
    what = "clips" if collection.clips else "pictures"
    faults: dict[str, str] = {}
    with session(options.ray_address) as (ray, _):
        visuals = [(content_key(item), item) for item in sides[VISUAL].lacking(collection.visuals)]
        named = {key: item.uri or item.item_id for key, item in visuals}
        if visuals:
            assert collection.reader is not None
            target = Target(*sides[VISUAL].place(), sides[VISUAL].keep_frames)
            with bar(f"encoding {what}", len(visuals), what) as advance:
                for key, fault in encode_visuals(
                    ray, spec, visuals, collection.reader, how, target, advance
                ):
                    faults[key] = fault
                    rejects = [Reject(named[one], said) for one, said in faults.items()]
                    refuse_rejects(rejects, len(visuals), allowed)
            sides[VISUAL].take_in()
        left = [item for item in collection.visuals if content_key(item) not in faults]
        texts = without(collection, [], left).texts
        lacking = [(content_key(item), item) for item in sides[TEXT].lacking(texts)]
        if lacking:
            target = Target(*sides[TEXT].place())
            with bar("encoding captions", len(lacking), "captions") as advance:
                encode_texts(ray, spec, lacking, options.batch_size, target, advance)
            sides[TEXT].take_in()
    return faults


def _encode_texts(
    encoder: Any,
    spec: ModelSpec,
    side: Encoding,
    texts: Sequence[Item],
    batch_size: int,
    advance: Advance,
) -> None:
    lacking = side.lacking(texts)
    for at in range(0, len(lacking), batch_size):
        batch = lacking[at : at + batch_size]
        side.add(batch, encoder.encode_texts([spec.prompted(item.text or "") for item in batch]))
        advance(len(batch))


def _cut(encoder: Any, spec: ModelSpec, texts: Sequence[Item], length: int | None) -> int:
    """How many captions are longer than the model's context, so that it does not see their end.

    A token is at least one byte, so short captions need not be tokenised.
    """
    if length is None:
        return 0
    said = {spec.prompted(item.text or "") for item in texts}
    long = [text for text in said if len(text.encode()) > length - 2]
    over = (
        {
            text
            for text, count in zip(long, encoder.token_counts(long), strict=True)
            if count > length
        }
        if long
        else set()
    )
    return sum(spec.prompted(item.text or "") in over for item in texts)
