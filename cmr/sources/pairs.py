"""A table of pictures and captions: CSV, TSV, JSON lines or Parquet."""

from __future__ import annotations

import io
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cmr.errors import CmrError
from cmr.sources.collection import Collection, Item, Judgment, Reject
from cmr.sources.files import folder_of, is_file, is_url, read_file
from cmr.sources.images import open_images
from cmr.sources.source import IMAGES, LIMIT, Parameter, Source

if TYPE_CHECKING:
    import polars as pl

MEDIA = (
    "image",
    "media",
    "image_path",
    "filepath",
    "file_name",
    "filename",
    "file",
    "path",
    "video",
)
CAPTIONS = ("caption", "captions", "text", "sentence", "title", "raw")


def read_pairs(
    file: str,
    images: str | None = None,
    media_column: str | None = None,
    caption_column: str | None = None,
    limit: int | None = None,
) -> Collection:
    """Read one row a pair; several captions of a picture are several rows, or a list.

    `images`: folder, zip or tar of the media; the table's own folder if not given. A visual is
    called by what its media column says, a text by its row's number from 0, with the place in
    the list behind a dot where there are lists. `limit`: only the first so many pictures.
    Rows without media or caption are rejected by number. Raises CmrError naming the file and
    what is wrong with it.
    """
    table = read_table(file)
    media = _column(file, table, media_column, MEDIA, "--media-column")
    caption = _column(file, table, caption_column, CAPTIONS, "--caption-column")
    visuals: dict[str, Item] = {}
    texts, judgments, rejects = [], [], []
    for row, (name, told) in enumerate(table.select(media, caption).iter_rows()):
        if name is None or not str(name).strip():
            rejects.append(Reject(f"row {row}", f"{media} is empty"))
            continue
        visual_id = str(name)
        if visual_id not in visuals:
            if limit is not None and len(visuals) >= limit:
                continue
            visuals[visual_id] = Item(visual_id, uri=visual_id)
        for text_id, text in _captions(row, told):
            if text is None or not str(text).strip():
                rejects.append(Reject(f"row {text_id}", f"{caption} is empty"))
                continue
            texts.append(Item(text_id, text=str(text)))
            judgments.append(Judgment(text_id, visual_id))
    return Collection(
        source="pairs",
        texts=texts,
        visuals=list(visuals.values()),
        judgments=judgments,
        settings={
            "file": Path(file).name,
            "images": None if images is None else Path(images).name,
            "media_column": media,
            "caption_column": caption,
            "limit": limit,
        },
        reader=open_images(images or folder_of(file)),
        rejects=rejects,
    )


def read_table(file: str) -> pl.DataFrame:
    """A table by its ending: .csv, .tsv, .jsonl, .ndjson, .parquet, .pq.

    Columns of CSV and TSV stay text, so that ids keep their leading zeros. Raises CmrError.
    """
    import polars as pl

    if not is_file(file):
        raise CmrError(f"there is no file {file}")
    ending = Path(file).suffix.lower()
    try:
        source: Any = io.BytesIO(read_file(file)) if is_url(file) else file
        if ending in (".csv", ".tsv", ".txt"):
            separator = "," if ending == ".csv" else "\t"
            return pl.read_csv(source, separator=separator, infer_schema=False, encoding="utf8")
        if ending in (".jsonl", ".ndjson"):
            return pl.read_ndjson(source, infer_schema_length=None)
        if ending in (".parquet", ".pq"):
            return pl.read_parquet(source)
    except (pl.exceptions.PolarsError, OSError, UnicodeError) as error:
        reason = " ".join(str(error).split())[:200]
        raise CmrError(f"{file} is not a readable {ending[1:]} table: {reason}") from None
    raise CmrError(f"{file} ends with {ending!r}; a table is .csv, .tsv, .jsonl or .parquet")


def _column(
    file: str, table: pl.DataFrame, given: str | None, known: tuple[str, ...], option: str
) -> str:
    if given is not None:
        if given not in table.columns:
            raise CmrError(f"{file} has no column {given!r}; it has {', '.join(table.columns)}")
        return given
    found = [name for name in known if name in table.columns]
    if not found:
        raise CmrError(
            f"{file} has none of the columns {', '.join(known)}; it has "
            f"{', '.join(table.columns)}; {option} names another"
        )
    return found[0]


def _captions(row: int, told: Any) -> Iterator[tuple[str, Any]]:
    if isinstance(told, list):
        for place, text in enumerate(told):
            yield f"{row}.{place}", text
    else:
        yield str(row), told


SOURCE = Source(
    name="pairs",
    summary="A table of pictures and captions: CSV, TSV, JSON lines or Parquet.",
    about="A row of FILE is a picture and a caption, or a list of captions; a picture with "
    "several captions may also have several rows.",
    examples=(
        "cmr ingest pairs captions.csv --images photos/ --model ViT-B-32 --pretrained openai",
        "cmr ingest pairs list.jsonl --media-column path --caption-column title "
        "--model hf-hub:timm/ViT-B-16-SigLIP",
    ),
    parameters=(
        Parameter("file", argument=True, required=True, path=True),
        Parameter("images", IMAGES + "  [default: the table's folder]", path=True),
        Parameter("media_column", "Column of the pictures.  [default: the first known name]"),
        Parameter("caption_column", "Column of the captions.  [default: the first known name]"),
        LIMIT,
    ),
    read=read_pairs,
    media=True,
    named_by="file",
)
