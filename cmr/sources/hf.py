"""A Hugging Face data set in Parquet, on this disk: pictures as bytes, or vectors."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from cmr.errors import CmrError
from cmr.sources.collection import TEXT, VISUAL, Collection, Item, Judgment, Reject
from cmr.sources.parquetbytes import ParquetReader, columns_of, open_parquet
from cmr.sources.source import LIMIT, Parameter, Source

_IMAGES = ("image", "img", "jpg", "png")
_CAPTIONS = ("caption", "captions", "text", "texts", "sentences", "raw")


def read_hf(
    folder: str,
    image_column: str | None = None,
    caption_column: str | None = None,
    image_vectors: str | None = None,
    text_vectors: str | None = None,
    id_column: str | None = None,
    split: str | None = None,
    limit: int | None = None,
) -> Collection:
    """Read the Parquet files of a data set's folder; a row is a picture with its captions.

    With `image_vectors` and `text_vectors` those columns are the vectors, one of each a row; else
    the pictures of `image_column` are to be encoded. `split`: files whose name begins so, as
    `test-00000-of-00004.parquet`. Visuals are called by `id_column`, or by their row's number.
    Raises CmrError naming the file at fault.
    """
    paths = sorted(str(path) for path in Path(folder).rglob(f"{split or ''}*.parquet"))
    if not paths:
        what = f" of the split {split!r}" if split else ""
        raise CmrError(f"{folder} has no Parquet file{what}")
    names = open_parquet(paths[0]).schema_arrow.names
    caption = caption_column or _known(paths[0], names, _CAPTIONS, "--caption-column")
    wanted = [caption, *([id_column] if id_column else [])]
    if bool(image_vectors) != bool(text_vectors):
        raise CmrError("--image-vectors and --text-vectors go together")
    rows = columns_of(paths, wanted)
    keys = [str(key) for key in rows[id_column]] if id_column else None
    settings = {
        "folder": Path(folder).name, "split": split, "limit": limit, "caption_column": caption,
        "id_column": id_column, "image_vectors": image_vectors, "text_vectors": text_vectors,
    }  # fmt: skip
    if image_vectors and text_vectors:
        return _vectors(paths, rows[caption], keys, image_vectors, text_vectors, settings, limit)
    column = image_column or _known(paths[0], names, _IMAGES, "--image-column")
    return _media(paths, rows[caption], keys, column, {**settings, "image_column": column}, limit)


def _media(
    paths: list[str],
    captions: list[Any],
    keys: list[str] | None,
    column: str,
    settings: dict[str, Any],
    limit: int | None,
) -> Collection:
    columns_of(paths[:1], [column])
    reader = ParquetReader(paths, column)
    visuals, texts, judgments, rejects = [], [], [], []
    for row, uri in enumerate(reader.uris()[:limit]):
        visual_id = keys[row] if keys else str(row)
        visuals.append(Item(visual_id, uri=uri))
        told = captions[row] if isinstance(captions[row], list) else [captions[row]]
        for place, text in enumerate(told):
            if text is None or not str(text).strip():
                rejects.append(Reject(f"row {row}", "the caption is empty"))
                continue
            text_id = f"{visual_id}#{place}"
            texts.append(Item(text_id, text=str(text)))
            judgments.append(Judgment(text_id, visual_id))
    return Collection("hf", texts, visuals, judgments, settings, reader, rejects=rejects)


def _vectors(
    paths: list[str],
    captions: list[Any],
    keys: list[str] | None,
    image_vectors: str,
    text_vectors: str,
    settings: dict[str, Any],
    limit: int | None,
) -> Collection:
    found = columns_of(paths, [image_vectors, text_vectors])
    visual = _matrix(paths[0], image_vectors, found[image_vectors][:limit])
    text = _matrix(paths[0], text_vectors, found[text_vectors][:limit])
    if visual.shape != text.shape:
        raise CmrError(f"{paths[0]}: the vectors have shapes {visual.shape} and {text.shape}")
    ids = keys or [str(row) for row in range(len(text))]
    told = [str(caption) if isinstance(caption, str) else None for caption in captions]
    dim = text.shape[1]
    return Collection(
        "hf",
        [Item(ids[row], text=told[row]) for row in range(len(text))],
        [Item(ids[row]) for row in range(len(text))],
        [Judgment(ids[row], ids[row]) for row in range(len(text))],
        settings,
        vectors={(TEXT, dim): text, (VISUAL, dim): visual},
    )


def _matrix(path: str, column: str, rows: list[Any]) -> npt.NDArray[np.float32]:
    try:
        matrix = np.array(rows, dtype=np.float32)
    except (TypeError, ValueError):
        matrix = np.zeros(0, dtype=np.float32)
    if matrix.ndim != 2 or not matrix.size:
        raise CmrError(f"{path}: {column} holds no vectors of one length")
    return matrix


def _known(path: str, names: list[str], known: tuple[str, ...], option: str) -> str:
    found = [name for name in known if name in names]
    if not found:
        raise CmrError(
            f"{path} has none of the columns {', '.join(known)}; it has {', '.join(names)}; "
            f"{option} names another"
        )
    return found[0]


SOURCE = Source(
    name="hf",
    summary="A local Hugging Face data set in Parquet: pictures as bytes, or vectors.",
    about="FOLDER holds the Parquet files of a data set, as a clone of it does. A row is a "
    "picture with one caption, or a list of them. Nothing is fetched.",
    examples=(
        "cmr ingest hf flickr30k/ --split test --model ViT-B-32 --pretrained openai",
        "cmr ingest hf vectors/ --image-vectors image_emb --text-vectors text_emb",
    ),
    parameters=(
        Parameter("folder", argument=True, required=True, path=True),
        Parameter("split", "Only files whose name begins so."),
        Parameter("image_column", "Column of the pictures.  [default: the first known name]"),
        Parameter("caption_column", "Column of the captions.  [default: the first known name]"),
        Parameter("id_column", "Column of the pictures' ids.  [default: the row's number]"),
        Parameter("image_vectors", "Column of the pictures' vectors, instead of pictures."),
        Parameter("text_vectors", "Column of the captions' vectors."),
        LIMIT,
    ),
    read=read_hf,
    media=True,
    named_by="folder",
    vectors_by="image_vectors",
)
