"""Data sets from a named source, or from arrays in memory."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import fields
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from cmr.errors import CmrError
from cmr.progressbar import ProgressBar, no_bar, waiting
from cmr.sources.source import Parameter, Source
from cmr.sources.source_kinds import get, names, read
from cmr.sources.text import is_unicode
from cmr.suggestions import suggestion

if TYPE_CHECKING:
    from cmr.pipeline.ingest import Ingested
    from cmr.sources.collection import Collection

# What selects the encoder; its other options are those of `EncodeOptions`.
_MODEL = {
    "model": None, "pretrained": None, "precision": "fp32", "prompt": None,
    "run_remote_code": False,
}  # fmt: skip


def ingest_source(
    root: str,
    source: Source | str,
    dataset: str | None = None,
    model_name: str | None = None,
    shuffle_queries: bool = False,
    seed: int = 42,
    bar: ProgressBar = no_bar,
    **given: Any,
) -> Ingested:
    """Read a source, with `given` by the names of its parameters, and encode what needs encoding.

    For a source with media, `given` also has the encoder: model, pretrained, precision, prompt, and
    the fields of `EncodeOptions`; and paragraphs, whether a visual's captions are joined to one
    text. Raises CmrError before anything is written, and, where no model is named, before anything
    is read.
    """
    found = _find(source) if isinstance(source, str) else source
    encoding = {name: given.pop(name) for name in _encoding(found) & set(given)}
    asked = _asked(found, given)
    if found.media and not (found.vectors_by and asked[found.vectors_by]):
        encoding["model"] = encoding.get("model") or own_model(found)
    with waiting(bar, f"reading {found.name}"):
        collection = read(found, asked)
    default = _default_name(found, asked)
    if encoding.pop("paragraphs", False):
        default += _joined_later(collection, encoding, seed if shuffle_queries else None)
    elif shuffle_queries:
        from cmr.sources.collection import shuffle_texts

        collection = shuffle_texts(collection, seed)
    if not collection.vectors:
        return _encode(root, dataset or default, collection, model_name, encoding, bar)
    from cmr.pipeline.ingest import ingest_vectors

    return ingest_vectors(root, dataset or default, model_name or default, collection)


def _joined_later(collection: Collection, encoding: dict[str, Any], seed: int | None) -> str:
    """Have captions joined before they are encoded, then shuffled; the end of the default name.

    Raises CmrError if there is nothing to encode.
    """
    from cmr.pipeline.paragraphs import SUFFIX, joined
    from cmr.sources.collection import shuffle_texts

    if collection.vectors:
        raise CmrError(
            "--paragraphs joins captions before they are encoded, and here are vectors already; "
            "leave it out, or give --model and the captions"
        )
    encoding["changed"] = lambda one: (
        joined(one) if seed is None else shuffle_texts(joined(one), seed)
    )
    return SUFFIX


def ingest_arrays(
    root: str,
    texts: npt.NDArray[Any],
    visuals: npt.NDArray[Any],
    truth: npt.NDArray[Any] | Sequence[int] | None,
    dataset: str,
    model: str,
    text_ids: Sequence[str] | None = None,
    visual_ids: Sequence[str] | None = None,
) -> Ingested:
    """Store vectors in memory, `texts` (N, d) and `visuals` (M, d).

    `truth`: (N,) the row of each text's visual, or (pairs, 2) of text and visual rows; without
    it text i belongs to visual i. Ids default to row numbers. Raises CmrError for arrays that
    do not fit together.
    """
    from cmr.pipeline.ingest import ingest_vectors
    from cmr.sources.collection import TEXT, VISUAL, Collection, Item, Judgment

    sides = {}
    for name, array in ((TEXT, np.asarray(texts)), (VISUAL, np.asarray(visuals))):
        if array.ndim != 2 or array.dtype.kind not in "fiu":
            raise CmrError(
                f"{name} vectors must be (n, d) numbers, not {array.dtype} {array.shape}"
            )
        sides[name] = array.astype(np.float32, copy=False)
    if sides[TEXT].shape[1] != sides[VISUAL].shape[1]:
        shapes = " and ".join(str(array.shape) for array in sides.values())
        raise CmrError(f"text and visual vectors must have the same dimension, not shapes {shapes}")
    ids = {
        name: _ids(name, given, len(sides[name]))
        for name, given in ((TEXT, text_ids), (VISUAL, visual_ids))
    }
    judged = [
        Judgment(ids[TEXT][text], ids[VISUAL][visual], 1)
        for text, visual in _pairs(truth, len(sides[TEXT]), len(sides[VISUAL]))
    ]
    dim = sides[TEXT].shape[1]
    collection = Collection(
        source="arrays",
        texts=[Item(one) for one in ids[TEXT]],
        visuals=[Item(one) for one in ids[VISUAL]],
        judgments=judged,
        settings={},
        vectors={(name, dim): array for name, array in sides.items()},
    )
    return ingest_vectors(root, dataset, model, collection)


def _find(name: str) -> Source:
    found = get(name)
    if found is None:
        there = names()
        raise CmrError(
            f"there is no source {name!r}; there are {', '.join(there)}{suggestion(name, there)}"
        )
    return found


def _encoding(source: Source) -> set[str]:
    """The encoder's parameters, for a source with media."""
    if not source.media:
        return set()
    from cmr.pipeline.encoding import EncodeOptions

    return {*_MODEL, "paragraphs", *(one.name for one in fields(EncodeOptions))}


def own_model(source: Source) -> str:
    """A source's default model. Raises CmrError if it has none."""
    from cmr.encode.models import EMBEDDED

    if not source.own_model:
        raise CmrError(
            f"the source {source.name!r} needs --model, which encodes its pictures and captions: "
            "an open_clip name with its weights, such as --model ViT-B-32 --pretrained "
            "laion2b_s34b_b79k, or hf-hub:org/name, local-dir:folder, transformers:org/name, "
            f"sentence-transformers:org/name; "
            f"{EMBEDDED}, which comes with cmr, is a toy that knows only drawn scenes, so it has "
            "to be named explicitly"
        )
    return EMBEDDED


def _asked(source: Source, given: dict[str, Any]) -> dict[str, Any]:
    """The source's parameters, each with a value."""
    known = {one.name: one for one in source.parameters}
    for one in source.parameters:
        if one.formerly in given:
            given[one.name] = given.pop(one.formerly)
    unknown = set(given) - set(known)
    if unknown:
        raise CmrError(
            f"the source {source.name!r} has no {min(unknown)!r}; it takes "
            f"{', '.join([*known, *sorted(_encoding(source))])}"
            f"{suggestion(min(unknown), [*known, *_encoding(source)])}"
        )
    for one in source.parameters:
        if one.required and given.get(one.name) is None:
            raise CmrError(f"the source {source.name!r} needs {one.name}")
    return {name: _value(one, given.get(name, one.default)) for name, one in known.items()}


def _value(one: Parameter, given: Any) -> Any:
    """The value that `read` gets: a list where several are allowed, as a sequence or with commas.

    Raises CmrError for a text that could not come from the command line.
    """
    if not one.many:
        return _text(one, str(given)) if isinstance(given, Path | str) else given
    parts = given.split(",") if isinstance(given, str) else given or ()
    return [_text(one, text) for part in parts if (text := str(part).strip())]


def _text(one: Parameter, text: str) -> str:
    if "\0" in text or not is_unicode(text):
        raise CmrError(f"{one.name} is {text!a:.200}, which has a NUL or is not valid Unicode")
    return text


def _default_name(source: Source, asked: dict[str, Any]) -> str:
    if source.named_by is None:
        return source.name
    path = Path(str(asked[source.named_by]))
    return path.resolve().name if path.is_dir() else path.stem


def _encode(
    root: str,
    dataset: str,
    collection: Collection,
    model_name: str | None,
    encoding: dict[str, Any],
    bar: ProgressBar,
) -> Ingested:
    from cmr.encode.models import resolve, with_remote_code
    from cmr.pipeline.encoding import EncodeOptions
    from cmr.pipeline.ingest import ingest_media

    changed = encoding.pop("changed", None)
    asked = {name: encoding.pop(name, default) for name, default in _MODEL.items()}
    spec = resolve(
        asked["model"], asked["pretrained"], model_name, asked["precision"], asked["prompt"]
    )
    if asked["run_remote_code"]:
        spec = with_remote_code(spec)
    options: EncodeOptions = EncodeOptions(**encoding)
    return ingest_media(root, dataset, spec, collection, options, bar, changed)


def _ids(name: str, given: Sequence[str] | None, rows: int) -> list[str]:
    if given is None:
        return [str(row) for row in range(rows)]
    if len(given) != rows:
        raise CmrError(f"{rows} {name} vectors have {len(given)} ids")
    return [str(one) for one in given]


def _pairs(truth: Any, texts: int, visuals: int) -> list[tuple[int, int]]:
    if truth is None:
        if texts != visuals:
            raise CmrError(
                f"{texts} texts and {visuals} visuals: truth must say which belong together"
            )
        return [(row, row) for row in range(texts)]
    array = np.asarray(truth)
    if array.dtype.kind not in "iu" or array.shape[1:] not in ((), (2,)):
        raise CmrError(f"truth must be (texts,) or (pairs, 2) row numbers, not {array.shape}")
    if array.ndim == 1:
        if len(array) != texts:
            raise CmrError(f"truth has {len(array)} entries for {texts} texts")
        array = np.stack([np.arange(texts), array], axis=1)
    for text, visual in array.tolist():
        if not 0 <= text < texts or not 0 <= visual < visuals:
            raise CmrError(
                f"truth has ({text}, {visual}), outside the {texts} texts and {visuals} visuals"
            )
    return [(text, visual) for text, visual in array.tolist()]
