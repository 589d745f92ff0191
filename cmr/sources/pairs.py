"""A table of pictures and captions: separated text, JSON lines, a JSON list or Parquet."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from cmr.errors import CmrError
from cmr.sources.attributes import further_columns, with_columns
from cmr.sources.captions import Caption, captions_of
from cmr.sources.collection import Collection, Item, Judgment, Reject
from cmr.sources.images import Images, open_images
from cmr.sources.names import SeveralFitError
from cmr.sources.source import IMAGES, LIMIT, SEPARATOR, SPLIT, Parameter, Source
from cmr.sources.splits import COLUMN, choose, name_of, split_cells
from cmr.sources.tables import SourceTable, known_column, read_table
from cmr.sources.user_files import folder_of

MEDIA = (
    "image", "media", "image_path", "filepath", "file_name", "filename", "file", "path", "video",
    "image_name", "image_file", "img", "img_path", "video_path", "video_name", "video_id", "clip",
)  # fmt: skip
CAPTIONS = (
    "caption", "captions", "text", "sentence", "title", "raw", "sentences", "texts", "comment",
    "description",
)  # fmt: skip
# A column for each of a picture's captions.
_NUMBERED = re.compile(r"(caption|text|sentence|raw|comment)_?(\d+)", re.IGNORECASE)
# Flickr8k.token.txt and Flickr30k's append the number of the caption to the picture's name.
_TOKEN = re.compile(r"(.+\.[^#/]+)#\d+")


def read_pairs(
    file: str,
    images: str | None = None,
    media_column: str | None = None,
    caption_column: str | None = None,
    split: str | Sequence[str] | None = None,
    separator: str | None = None,
    limit: int | None = None,
    clips: bool = False,
) -> Collection:
    """Read one row per pair; several captions of a picture are several rows, or a list.

    `images`: folder, zip or tar of the media; by default the table's own folder. A visual's id is
    its first name in the media column; a text's is its row number from 0, with `.` and a position
    if the row has several. `split`: see `cmr.sources.splits`; `separator`: see
    `cmr.sources.tables`; `limit`: only the first N pictures; `clips`: whether the media are clips.
    Rows without media or caption are rejected by number. Raises CmrError naming the file, the row
    and what is wrong with it.
    """
    table = read_table(file, separator, bare=(MEDIA[0], CAPTIONS[0]))
    media = named_column(table, media_column, MEDIA, "--media-column")
    told = caption_columns(table, caption_column)
    splits = split_cells(table)
    chosen = choose(file, splits, split)
    reader = open_images(images or folder_of(file), clips)
    names = _names(table, media)
    places, located = dict[str, str](), dict[str, str]()
    visuals: dict[str, Item] = {}
    bare, rows = set[str](), dict[str, int]()
    texts, judgments, rejects = list[Item](), list[Judgment](), list[Reject]()
    for row, (name, cells) in enumerate(zip(names, _rows(table, told), strict=True)):
        if not chosen.take(splits[row]):
            continue
        if name is None or row in table.short:
            why = table.short.get(row, f"{media} is empty")
            rejects.append(Reject(table.row(row), why))
            continue
        where = located.get(name)
        if where is None:
            where = located[name] = place_of(reader, name, table.where(row), places)
        if where not in visuals:
            if limit is not None and len(visuals) >= limit:
                continue
            visuals[where] = Item(name, uri=where, split=name_of(splits[row]))
        for place, caption in captions_in(cells, table.where(row)):
            text_id = str(row) if place is None else f"{row}.{place}"
            if caption.fault:
                which = "" if place is None else f", caption {place}"
                rejects.append(Reject(table.row(row) + which, caption.fault))
                bare.add(visuals[where].item_id)
                continue
            texts.append(Item(text_id, text=caption.text, split=name_of(splits[row])))
            judgments.append(Judgment(text_id, visuals[where].item_id))
            rows[text_id] = row
    if not texts:
        raise CmrError(_nothing(table, media, told, rejects))
    found = Collection(
        source="pairs",
        texts=texts,
        visuals=list(visuals.values()),
        judgments=judgments,
        settings={
            "file": Path(file).name,
            "images": None if images is None else Path(images).name,
            "media_column": media,
            "caption_column": ", ".join(told),
            "split": chosen.names,
            "limit": limit,
        },
        reader=reader,
        rejects=rejects,
        clips=clips,
        notes=[f"{file}: {chosen.note}"] if chosen.note else [],
        places=places,
        bare=bare,
    )
    return with_columns(found, further_columns(table, (media, *told, COLUMN)), rows)


def named_column(table: SourceTable, given: str | None, known: Sequence[str], option: str) -> str:
    """The requested column, or the first known one. Raises CmrError if there is none."""
    if given is not None:
        table.column(given)
        return given
    found = known_column(table.columns, known)
    if found is None:
        raise CmrError(
            f"{table.path} has none of the columns {', '.join(known)}; it has {table.listed()}; "
            f"{option} names another"
        )
    return found


def caption_columns(table: SourceTable, given: str | None) -> list[str]:
    """The caption columns: one, or caption_0, caption_1 … Raises CmrError if there is none."""
    if given is None and known_column(table.columns, CAPTIONS) is None:
        numbered = numbered_columns(table.columns)
        if numbered:
            return numbered
    return [named_column(table, given, CAPTIONS, "--caption-column")]


def numbered_columns(columns: Sequence[str]) -> list[str]:
    """Numbered caption columns, in the order of their numbers."""
    found = [(int(match[2]), name) for name in columns if (match := _NUMBERED.fullmatch(name))]
    return [name for _, name in sorted(found)]


def captions_in(cells: Sequence[Any], where: str) -> list[tuple[int | None, Caption]]:
    """The captions in a row's cells and their positions, None if there is only one.

    Raises CmrError as `captions_of` does. With several columns, an empty one is not a fault while
    another has a caption.
    """
    found = [one for cell in cells for one in captions_of(cell, where, _ADVICE)]
    if len(cells) == 1:
        return [(one.place, one) for one in found]
    there = [one for one in found if not one.fault] or found[:1]
    return list(enumerate(there))


_ADVICE = "--caption-column names another column"


def _rows(table: SourceTable, columns: Sequence[str]) -> list[tuple[Any, ...]]:
    return list(zip(*(table.column(name) for name in columns), strict=True))


def _names(table: SourceTable, column: str) -> list[str | None]:
    """The name of each row's picture, None if there is none."""
    names = [_name(table, row, cell) for row, cell in enumerate(table.column(column))]
    matches = [_TOKEN.fullmatch(name) for name in names if name is not None]
    if matches and all(matches):
        return [name and name.rpartition("#")[0] for name in names]
    return names


def _name(table: SourceTable, row: int, cell: Any) -> str | None:
    if isinstance(cell, bytes):
        try:
            cell = cell.decode()
        except UnicodeDecodeError:
            raise CmrError(
                f"{table.where(row)} holds bytes where a picture's name is expected; "
                "`cmr ingest hf` reads tables that hold the pictures"
            ) from None
    if cell is None or (isinstance(cell, float) and cell != cell):
        return None
    if isinstance(cell, dict) and "bytes" in cell:
        raise CmrError(
            f"{table.where(row)} holds a picture where its name is expected; `cmr ingest hf` reads "
            "such tables"
        )
    if isinstance(cell, bool) or not isinstance(cell, str | int):
        raise CmrError(
            f"{table.where(row)} holds {cell!r:.60} where a picture's name is expected; "
            "--media-column names another column"
        )
    return str(cell) if str(cell).strip() else None


def place_of(reader: Images, name: str, row: str, places: dict[str, str]) -> str:
    """The file that a name refers to; if there is none, the name, recorded in `places`."""
    try:
        found = reader.locate(name)
    except (SeveralFitError, OSError):
        found = None
    if found is None:
        places[name] = row
    return found or name


def _nothing(table: SourceTable, media: str, told: Sequence[str], rejects: Sequence[Reject]) -> str:
    first = f"; the first is {rejects[0].source_row}: {rejects[0].reason}" if rejects else ""
    return f"{table.path} has no row with {media} as well as {' or '.join(told)}{first}"


SOURCE = Source(
    name="pairs",
    summary="A table of pictures and captions: CSV, TSV, JSON lines, a JSON list or Parquet.",
    about="A row of FILE is a picture and a caption, or a picture and a list of captions, also as "
    "JSON in a cell; a picture with several captions may also have several rows. Separated text "
    "may use commas, tabs, semicolons or pipes, and Flickr8k.token.txt's lines (NAME.jpg#0, a tab, "
    "the caption) need no header. Names of pictures may be spelt differently from their files: "
    "with composed or decomposed letters, backslashes, %20, another case of the extension, or the "
    "folder of --images in front.",
    examples=(
        "cmr ingest pairs Flickr8k.token.txt --images Flicker8k_Dataset/ --model ViT-B-32 "
        "--pretrained openai",
        "cmr ingest pairs captions.csv --images photos/ --model ViT-B-32 --pretrained openai",
        "cmr ingest pairs list.jsonl --media-column path --caption-column title "
        "--model hf-hub:timm/ViT-B-16-SigLIP",
    ),
    parameters=(
        Parameter("file", argument=True, required=True, path=True),
        Parameter("images", IMAGES + "  [default: the table's folder]", path=True),
        Parameter("media_column", "Column of the pictures.  [default: the first known name]"),
        Parameter("caption_column", "Column of the captions.  [default: the first known name]"),
        SPLIT,
        SEPARATOR,
        LIMIT,
    ),
    read=read_pairs,
    media=True,
    named_by="file",
)
