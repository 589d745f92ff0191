"""img2dataset's output: Parquet tables of what was fetched, beside files, tars or bytes."""

from __future__ import annotations

from collections.abc import Iterable
from glob import escape
from pathlib import Path, PurePosixPath

from cmr.errors import CmrError
from cmr.sources.collection import Collection, Item, Judgment, MediaReader, Reject
from cmr.sources.files import join, matching
from cmr.sources.images import FolderReader
from cmr.sources.parquetbytes import ParquetReader, columns_of, open_parquet
from cmr.sources.source import LIMIT, Parameter, Source
from cmr.sources.tars import TarReader

_MEDIA = ("jpg", "jpeg", "png", "webp")


def read_img2dataset(
    folder: str, caption_column: str = "caption", limit: int | None = None
) -> Collection:
    """Read `{shard}.parquet` (key, caption, status) of every shard, and its pictures.

    The pictures lie in `{shard}/{key}.jpg`, `{shard}.tar`, or the column `jpg`, as the tool was
    told. Rows whose status is not success are rejected with its error_message. Visuals are
    called by their key. Raises CmrError naming the file at fault.
    """
    paths = matching(join(escape(folder), "*.parquet"))
    if not paths:
        raise CmrError(f"{folder} has no .parquet table of img2dataset")
    names = open_parquet(paths[0]).schema_arrow.names
    optional = [name for name in ("status", "error_message") if name in names]
    rows = columns_of(paths, ["key", caption_column, *optional])
    places = _places(folder, paths, names)
    visuals: list[Item] = []
    texts, judgments, rejects = [], [], []
    for row, key in enumerate(map(str, rows["key"])):
        if limit is not None and len(visuals) >= limit:
            break
        if rows.get("status", ["success"] * (row + 1))[row] != "success":
            message = rows.get("error_message", [None] * (row + 1))[row]
            rejects.append(Reject(key, f"not fetched: {message or rows['status'][row]}"))
            continue
        caption = rows[caption_column][row]
        if caption is None or not str(caption).strip():
            rejects.append(Reject(key, "the caption is empty"))
            continue
        visuals.append(Item(key, uri=places.uri(row)))
        texts.append(Item(key, text=str(caption)))
        judgments.append(Judgment(key, key))
    return Collection(
        source="img2dataset",
        texts=texts,
        visuals=visuals,
        judgments=judgments,
        settings={"folder": Path(folder).name, "caption_column": caption_column, "limit": limit},
        reader=places,
        rejects=rejects,
    )


class _Places:
    """Where each row's picture is, by what the folder holds."""

    def __init__(self, reader: MediaReader, uris: list[str]) -> None:
        self._reader, self._uris = reader, uris

    def uri(self, row: int) -> str:
        """What `read` knows the picture of a row by."""
        return self._uris[row]

    def read(self, uri: str) -> bytes:
        """The picture's bytes."""
        return self._reader.read(uri)


def _places(folder: str, paths: list[str], names: list[str]) -> _Places:
    """The pictures of a table lie in the column, the tar or the folder of its shard's name."""
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
    """Raise CmrError for a shard whose table or tar is missing."""
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
            raise CmrError(f"the shard {shard} has two pictures of the key {path.stem!r}")
        uris[shard, path.stem] = uri
    return uris


def _uris(tables: list[str], by_key: dict[tuple[str, str], str]) -> list[str]:
    """Of every row; the name that its picture should have where there is none."""
    uris = []
    for path in tables:
        shard = Path(path).stem
        for key in map(str, columns_of([path], ["key"])["key"]):
            uris.append(by_key.get((shard, key), f"{shard}/{key}"))
    return uris


SOURCE = Source(
    name="img2dataset",
    summary="What img2dataset fetched: Parquet tables beside files, tars or bytes.",
    about="FOLDER holds a SHARD.parquet (key, caption, status) a shard, and the pictures as "
    "SHARD/KEY.jpg, in SHARD.tar, or in the table's column jpg. Rows that were not fetched are "
    "listed in `rejects`.",
    examples=("cmr ingest img2dataset fetched/ --model ViT-B-32 --pretrained laion2b_s34b_b79k",),
    parameters=(
        Parameter("folder", argument=True, required=True, path=True),
        Parameter("caption_column", "Column of the captions.", default="caption"),
        LIMIT,
    ),
    read=read_img2dataset,
    media=True,
    named_by="folder",
)
