"""img2dataset's output: Parquet tables of downloads, with the pictures as files, tars or bytes."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from glob import escape
from pathlib import Path, PurePosixPath

from cmr.errors import CmrError
from cmr.sources.attributes import HOUSEKEEPING, further_in_files, with_columns
from cmr.sources.captions import captions_of
from cmr.sources.collection import Collection, Item, Judgment, MediaReader, Reject
from cmr.sources.images import FolderReader
from cmr.sources.parquetbytes import ParquetReader, columns_of, open_parquet
from cmr.sources.phrases import counted
from cmr.sources.source import LIMIT, SPLIT, Parameter, Source
from cmr.sources.splits import COLUMN, choose, name_of
from cmr.sources.tables import known_column
from cmr.sources.tars import TarReader
from cmr.sources.user_files import join, matching

_MEDIA = ("jpg", "jpeg", "png", "webp")
# Optional columns beside keys and captions; the last two identify rows of the same picture.
_OPTIONAL = ("status", "error_message", "url", "sha256")
_ADVICE = "--caption-column names another column"


def read_img2dataset(
    folder: str,
    caption_column: str = "caption",
    split: str | Sequence[str] | None = None,
    limit: int | None = None,
) -> Collection:
    """Read `{shard}.parquet` (key, caption, status) of every shard, and its pictures.

    The pictures are in `{shard}/{key}.jpg`, `{shard}.tar`, or the column `jpg`, depending on the
    tool's settings. Rows whose status is not success are rejected with its error_message. A picture
    is downloaded once per caption: rows with the same sha256, or the same url if there is none, are
    one visual, named by its first key. `split`: see `cmr.sources.splits`. Raises CmrError naming
    the file at fault.
    """
    paths = matching(join(escape(folder), "*.parquet"))
    if not paths:
        raise CmrError(f"{folder} has no .parquet table of img2dataset")
    names = open_parquet(paths[0]).schema_arrow.names
    optional = [name for name in _OPTIONAL if name in names and name != caption_column]
    of = known_column(names, (COLUMN,))
    rows = columns_of(paths, ["key", caption_column, *optional, *([of] if of else [])])
    nothing = [None] * len(rows["key"])
    status, message, urls, sums = (rows.get(name, nothing) for name in _OPTIONAL)
    splits = rows[of] if of else nothing
    chosen = choose(folder, splits, split)
    places = _places(folder, paths, names)
    visuals: dict[str, Item] = {}
    fetched = [
        chosen.take(splits[row]) and ("status" not in rows or status[row] == "success")
        for row in range(len(rows["key"]))
    ]
    pictures = _pictures(urls, sums, fetched)
    known: dict[tuple[str, str], str] = {}
    keys, bare, placed = set[str](), set[str](), dict[str, int]()
    texts, judgments, rejects, again = list[Item](), list[Judgment](), list[Reject](), 0
    for row, key in enumerate(map(str, rows["key"])):
        if not chosen.take(splits[row]):
            continue
        if not fetched[row]:
            rejects.append(Reject(key, f"not fetched: {message[row] or status[row]}"))
            continue
        told = captions_of(rows[caption_column][row], f"{folder}: key {key}", _ADVICE)
        rejects += [Reject(key, one.fault) for one in told if one.fault]
        told = [one for one in told if not one.fault]
        if key in keys:
            raise CmrError(f"{folder}: the key {key!r} occurs twice")
        keys.add(key)
        visual_id = known.get(pictures[row] or ("key", key), key)
        if visual_id not in visuals:
            if limit is not None and len(visuals) >= limit:
                continue
            visuals[visual_id] = Item(visual_id, uri=places.uri(row), split=name_of(splits[row]))
        else:
            again += 1
        if mark := pictures[row]:
            known[mark] = visual_id
        if not told:
            bare.add(visual_id)
        for one in told:
            text_id = key if one.place is None else f"{key}.{one.place}"
            texts.append(Item(text_id, text=one.text, split=name_of(splits[row])))
            judgments.append(Judgment(text_id, visual_id))
            placed[text_id] = row
    notes = [f"{folder}: {chosen.note}"] if chosen.note else []
    if again:
        notes.append(
            f"{len(visuals) + again:,} rows have {counted(len(visuals), 'picture')}, by url or "
            "sha256: "
            "rows of one picture are one visual with the captions of all"
        )
    found = Collection(
        source="img2dataset",
        texts=texts,
        visuals=list(visuals.values()),
        judgments=judgments,
        settings={
            "folder": Path(folder).name,
            "caption_column": caption_column,
            "split": chosen.names,
            "limit": limit,
            "merged_rows": again,
        },
        reader=places,
        rejects=rejects,
        merges=True,
        notes=notes,
        bare=bare,
    )
    used = (caption_column, *HOUSEKEEPING, *_OPTIONAL, *_MEDIA, COLUMN)
    return with_columns(found, further_in_files(paths, used), placed)


def _pictures(
    urls: Sequence[object], sums: Sequence[object], read: Sequence[bool]
) -> list[tuple[str, str] | None]:
    """What identifies each row's picture: its sha256, or its url, which may imply a sha256.

    A page may change between two downloads: a url with two hashes is two pictures.
    """
    of: dict[object, set[str]] = {}
    for url, told, one in zip(urls, sums, read, strict=True):
        if url and told and one:
            of.setdefault(url, set()).add(str(told))
    found: list[tuple[str, str] | None] = []
    for url, told in zip(urls, sums, strict=True):
        known = of.get(url, ()) if url else ()
        if told or len(known) == 1:
            found.append(("sha256", str(told or next(iter(known)))))
        else:
            found.append(("url", str(url)) if url else None)
    return found


class _Places:
    """Where each row's picture is, depending on what the folder holds."""

    def __init__(self, reader: MediaReader, uris: list[str]) -> None:
        self._reader, self._uris = reader, uris

    def uri(self, row: int) -> str:
        """The uri by which `read` finds the picture of a row."""
        return self._uris[row]

    def read(self, uri: str) -> bytes:
        """The picture's bytes."""
        return self._reader.read(uri)


def _places(folder: str, paths: list[str], names: list[str]) -> _Places:
    """A table's pictures are in its column, or in the tar or folder named like its shard."""
    inside = next((name for name in _MEDIA if name in names), None)
    if inside is not None:
        reader = ParquetReader(paths, inside)
        return _Places(reader, reader.uris())
    tars = matching(join(escape(folder), "*.tar"))
    if tars:
        _refuse_lone(folder, paths, tars)
        archive = TarReader(tars)
        shards = [Path(path).stem for path in tars]
        held = ((shards[m.archive], m.name, archive.uri(m)) for m in archive.members)
        return _Places(archive, _uris(paths, _by_key(held)))
    pictures = matching(join(escape(folder), "*/*"))
    found = (PurePosixPath(*PurePosixPath(path).parts[-2:]) for path in pictures)
    held = ((path.parts[0], path.name, str(path)) for path in found)
    return _Places(FolderReader(folder), _uris(paths, _by_key(held)))


def _refuse_lone(folder: str, tables: list[str], tars: list[str]) -> None:
    """Raise CmrError if a shard's table or tar is missing."""
    for there, others, ending in ((tables, tars, ".tar"), (tars, tables, ".parquet")):
        known = {Path(path).stem for path in others}
        for path in there:
            if Path(path).stem not in known:
                missing = Path(path).with_suffix(ending).name
                raise CmrError(f"{folder} has {Path(path).name} and lacks {missing} of its shard")


def _by_key(held: Iterable[tuple[str, str, str]]) -> dict[tuple[str, str], str]:
    """{(shard, key): uri} of pictures, given as shard, name and uri."""
    uris: dict[tuple[str, str], str] = {}
    for shard, name, uri in held:
        path = Path(name)
        if path.suffix[1:].lower() not in _MEDIA or path.name.startswith("."):
            continue
        if (shard, path.stem) in uris:
            raise CmrError(f"the shard {shard} has two pictures with the key {path.stem!r}")
        uris[shard, path.stem] = uri
    return uris


def _uris(tables: list[str], by_key: dict[tuple[str, str], str]) -> list[str]:
    """The uri of every row; if there is no picture, the name that it should have."""
    uris = []
    for path in tables:
        shard = Path(path).stem
        for key in map(str, columns_of([path], ["key"])["key"]):
            uris.append(by_key.get((shard, key), f"{shard}/{key}"))
    return uris


SOURCE = Source(
    name="img2dataset",
    summary="What img2dataset downloaded: Parquet tables with files, tars or bytes.",
    about="FOLDER holds one SHARD.parquet (key, caption, status) per shard, and the pictures as "
    "SHARD/KEY.jpg, in SHARD.tar, or in the table's column jpg. Rows with the same url or sha256 "
    "are one visual with all their captions. Rows that were not downloaded are listed in "
    "`rejects`.",
    examples=("cmr ingest img2dataset fetched/ --model ViT-B-32 --pretrained laion2b_s34b_b79k",),
    parameters=(
        Parameter("folder", argument=True, required=True, path=True),
        Parameter("caption_column", "Column of the captions.", default="caption"),
        SPLIT,
        LIMIT,
    ),
    read=read_img2dataset,
    media=True,
    named_by="folder",
)
