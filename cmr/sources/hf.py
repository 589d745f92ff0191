"""A Hugging Face data set in local Parquet files: pictures as bytes, or vectors."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from cmr.errors import CmrError
from cmr.sources.attributes import further_in_files, with_columns
from cmr.sources.collection import TEXT, VISUAL, Collection, Item, Judgment, Reject
from cmr.sources.hfsplits import Split, part_of
from cmr.sources.hfvectors import is_exported, read_exported
from cmr.sources.pairs import CAPTIONS, captions_in, numbered_columns
from cmr.sources.parquetbytes import ParquetReader, columns_of, open_parquet, refuse_gaps
from cmr.sources.source import LIMIT, SPLIT, Parameter, Source
from cmr.sources.splits import ALL, COLUMN, asked_for
from cmr.sources.tables import known_column

_IMAGES = ("image", "img", "jpg", "png", "webp")


@dataclass(frozen=True)
class _PartRows:
    """What a part's files say about their rows, end to end: caption cells, ids if any, and the
    cells of their further columns.
    """

    captions: list[tuple[Any, ...]]
    keys: list[str] | None
    further: dict[str, list[Any]]


def read_hf(
    folder: str,
    image_column: str | None = None,
    caption_column: str | None = None,
    image_vectors: str | None = None,
    text_vectors: str | None = None,
    id_column: str | None = None,
    split: str | Sequence[str] | None = None,
    limit: int | None = None,
) -> Collection:
    """Read the Parquet files of a data set's folder; a row is a picture with its captions.

    With `image_vectors` and `text_vectors` those columns are the vectors, one of each per row;
    otherwise the pictures in `image_column` are encoded. `split`: by the files' names, such as
    `test-00000-of-00004.parquet`, and by the column split; see `cmr.sources.hfsplits`. Visuals'
    ids are from `id_column`, or row numbers; rows with the same id or the same content are one
    visual. What `cmr export hf` wrote has its own ids, captions and judgments. Raises CmrError
    naming the file at fault, or a missing file that the others' names imply.
    """
    asked = asked_for(split)
    paths = sorted(str(path) for path in Path(folder).rglob("*.parquet"))
    if not paths:
        raise CmrError(f"{folder} has no Parquet file")
    if bool(image_vectors) != bool(text_vectors):
        raise CmrError("--image-vectors and --text-vectors go together")
    if is_exported(folder):
        if not image_vectors or not text_vectors:
            raise CmrError(
                f"{folder} holds vectors that cmr export hf wrote; give --image-vectors embedding "
                "--text-vectors embedding"
            )
        refuse_gaps(paths)
        return read_exported(
            folder, "" if ALL in asked else ",".join(asked), image_vectors, text_vectors, limit
        )
    part = part_of(folder, paths, asked)
    names = open_parquet(part.files[0]).schema_arrow.names
    told = _captions(part.files[0], names, caption_column)
    cells = columns_of(part.files, [*told, *([id_column] if id_column else [])])
    rows = _PartRows(
        list(zip(*(cells[name] for name in told), strict=True)),
        _keys(part, cells[id_column]) if id_column else None,
        further_in_files(
            part.files,
            [name for name in (*told, id_column, COLUMN, image_column) if name],
        ),
    )
    settings = {
        "folder": Path(folder).name, "split": part.names, "limit": limit,
        "caption_column": ", ".join(told), "id_column": id_column,
        "image_vectors": image_vectors, "text_vectors": text_vectors,
    }  # fmt: skip
    notes = [f"{folder}: {part.note}"] if part.note else []
    if image_vectors and text_vectors:
        columns = image_vectors, text_vectors
        return _vectors(part, rows, columns, settings, limit, notes)
    column = image_column or _known(part.files[0], names, _IMAGES, "--image-column")
    settings["image_column"] = column
    # Warehouses store locations that number the files in this list.
    begun = [path for path in paths if Path(path).name.startswith(",".join(asked))]
    reader = ParquetReader(begun if set(part.files) <= set(begun) else paths, column)
    columns_of(part.files[:1], [column])
    return _media(reader, part, rows, settings, limit, notes)


def _media(
    reader: ParquetReader,
    part: Split,
    rows: _PartRows,
    settings: dict[str, Any],
    limit: int | None,
    notes: list[str],
) -> Collection:
    uris = reader.uris(part.files)
    for row in part.rows[:1]:
        if fault := reader.fault(uris[row]):
            raise CmrError(f"{fault}; --image-column names another column")
    taken = set(rows.keys or ())
    bare = set[str]()
    seen: dict[str, str] = {}
    hashes: dict[str, str] = {}
    contents: set[str] = set()
    visuals: dict[str, Item] = {}
    texts, judgments, rejects = list[Item](), list[Judgment](), list[Reject]()
    placed: dict[str, int] = {}
    for row in part.rows:
        visual_id = rows.keys[row] if rows.keys else str(row)
        if visual_id in visuals:
            _same_picture(reader, visuals[visual_id], uris[row], part.where(row), hashes)
        elif limit is not None:
            # Rows with further captions of a known picture are not another picture.
            content = _hash(reader, uris[row]) or uris[row]
            if content not in contents and len(contents) >= limit:
                continue
            contents.add(content)
        uri = uris[row]
        visuals.setdefault(visual_id, Item(visual_id, uri=uri, split=part.splits[row]))
        first = seen.setdefault(visual_id, str(row))
        for place, caption in captions_in(rows.captions[row], part.where(row)):
            if caption.fault:
                rejects.append(Reject(f"row {row}", caption.fault))
                bare.add(visual_id)
                continue
            # A further row with the same id has its own number in its captions' ids.
            own = visual_id if first == str(row) else _again(visual_id, row, taken)
            text_id = f"{own}#{place or 0}"
            texts.append(Item(text_id, text=caption.text, split=part.splits[row]))
            judgments.append(Judgment(text_id, visual_id))
            placed[text_id] = row
    found = Collection(
        "hf", texts, list(visuals.values()), judgments, settings, reader, rejects=rejects,
        merges=True, notes=notes, bare=bare,
    )  # fmt: skip
    return with_columns(found, rows.further, placed)


def _again(name: str, row: int, taken: AbstractSet[str]) -> str:
    """A name for a further row with the id `name`, distinct from every id in `taken`."""
    while (name := f"{name}@{row}") in taken:
        pass
    return name


def _same_picture(
    reader: ParquetReader, item: Item, uri: str, where: str, hashes: dict[str, str]
) -> None:
    """Raise CmrError if a row with the same id holds a different picture."""
    first = hashes.setdefault(item.item_id, _hash(reader, item.uri or "") or "")
    if (_hash(reader, uri) or "") != first:
        raise _another(where, item.item_id, "picture")


def _another(where: str, name: str, what: str) -> CmrError:
    return CmrError(
        f"{where} has the id {name!r} of an earlier row but another {what}; --id-column must tell "
        "pictures apart"
    )


def _hash(reader: ParquetReader, uri: str) -> str | None:
    try:
        return hashlib.sha256(reader.read(uri)).hexdigest()
    except OSError:
        return None


def _keys(part: Split, cells: Sequence[Any]) -> list[str]:
    """The rows' ids. Raises CmrError if a row that is read has none."""
    for row in part.rows:
        if isinstance(cells[row], bool) or not isinstance(cells[row], str | int):
            raise CmrError(
                f"{part.where(row)} has the id {cells[row]!r}, expected text or a number"
            )
    return [str(key) for key in cells]


def _captions(path: str, names: Sequence[str], given: str | None) -> list[str]:
    if given is not None:
        return [given]
    if known_column(names, CAPTIONS) is None and (numbered := numbered_columns(names)):
        return numbered
    return [_known(path, names, CAPTIONS, "--caption-column")]


def _vectors(
    part: Split,
    rows: _PartRows,
    columns: tuple[str, str],
    settings: dict[str, Any],
    limit: int | None,
    notes: list[str],
) -> Collection:
    kept = part.rows[:limit]
    found = columns_of(part.files, columns)
    visual, text = (
        _matrix(part.files[0], name, [found[name][row] for row in kept]) for name in columns
    )
    if visual.shape != text.shape:
        raise CmrError(f"{part.files[0]}: the vectors have shapes {visual.shape} and {text.shape}")
    ids = [rows.keys[row] if rows.keys else str(row) for row in kept]
    first: dict[str, int] = {}
    taken, placed = set(ids), dict[str, int]()
    texts, judgments = list[Item](), list[Judgment]()
    for place, (row, name) in enumerate(zip(kept, ids, strict=True)):
        begun = first.setdefault(name, place)
        if not np.array_equal(visual[begun], visual[place]):
            raise _another(part.where(row), name, "vector")
        text_id = name if begun == place else _again(name, row, taken)
        caption = _one(rows.captions[row], part.where(row))
        texts.append(Item(text_id, text=caption, split=part.splits[row]))
        judgments.append(Judgment(text_id, name))
        placed[text_id] = row
    dim = text.shape[1]
    collection = Collection(
        "hf",
        texts,
        [Item(name, split=part.splits[kept[place]]) for name, place in first.items()],
        judgments,
        settings,
        vectors={(TEXT, dim): text, (VISUAL, dim): visual[list(first.values())]},
        notes=notes,
    )
    return with_columns(collection, rows.further, placed)


def _one(cells: Sequence[Any], where: str) -> str | None:
    """The caption of a row with a single text vector; None if there is not exactly one."""
    found = [caption for _, caption in captions_in(cells, where)]
    return found[0].text if len(found) == 1 and not found[0].fault else None


def _matrix(path: str, column: str, rows: list[Any]) -> npt.NDArray[np.float32]:
    try:
        matrix = np.array(rows, dtype=np.float32)
    except (TypeError, ValueError):
        matrix = np.zeros(0, dtype=np.float32)
    if matrix.ndim != 2 or not matrix.size:
        raise CmrError(f"{path}: {column} does not hold vectors of one length")
    return matrix


def _known(path: str, names: Sequence[str], known: tuple[str, ...], option: str) -> str:
    found = known_column(names, known)
    if found is None:
        raise CmrError(
            f"{path} has none of the columns {', '.join(known)}; it has {', '.join(names)}; "
            f"{option} names another"
        )
    return found


SOURCE = Source(
    name="hf",
    summary="A local Hugging Face data set in Parquet: pictures as bytes, or vectors.",
    about="FOLDER holds the Parquet files of a data set, as a clone of it does. A row is a picture "
    "with one caption, a list of them, or structs with the text in raw; rows of the same picture "
    "are one visual. The split is in the files' names (test-00000-of-00004.parquet) or in the "
    "column split. Nothing is fetched. The folders texts, visuals and qrels that cmr export hf "
    "writes are one data set.",
    examples=(
        "cmr ingest hf flickr30k/ --split test --model ViT-B-32 --pretrained openai",
        "cmr ingest hf vectors/ --image-vectors image_emb --text-vectors text_emb",
        "cmr ingest hf exported/ --image-vectors embedding --text-vectors embedding",
    ),
    parameters=(
        Parameter("folder", argument=True, required=True, path=True),
        SPLIT,
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
