"""Pictures, clips or captions without judgments: what distractors are encoded from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

from cmr.errors import CmrError
from cmr.sources.collection import Item, MediaReader, Reject
from cmr.sources.images import ZipReader, open_images
from cmr.sources.pairs import read_pairs
from cmr.sources.shard_names import expand
from cmr.sources.tables import ENDINGS
from cmr.sources.tars import ENDINGS as TARS
from cmr.sources.tars import TarReader
from cmr.sources.text import read_text
from cmr.sources.user_files import entries, is_folder, join
from cmr.sources.webdataset import CLIPS, MEDIA

PICTURES = (*MEDIA, "tif", "tiff")
# A .txt file is captions, one on each line.
_TABLES = tuple(ending for ending in ENDINGS if ending != ".txt")


@dataclass(frozen=True)
class Loose:
    """Items of one side from one source. `reader`, of visuals, reads their `uri`."""

    items: list[Item]
    reader: MediaReader | None = None
    rejects: list[Reject] = field(default_factory=list)
    places: Mapping[str, str] = field(default_factory=dict)


def loose_visuals(path: str, images: str | None, clips: bool) -> Loose:
    """Every picture, or clip, of a folder, zip or tar file, or those that a table names.

    An item's id is its name below the source. Raises CmrError if there are none.
    """
    if _is_table(path):
        found = read_pairs(path, images, clips=clips, split="all")
        rejects = [*found.lost]
        return Loose(list(found.visuals), found.reader, rejects, found.places)
    if _is_shards(path):
        return _of_shards(path, CLIPS if clips else PICTURES)
    reader = open_images(path, clips)
    names = reader.members() if isinstance(reader, ZipReader) else _below(path)
    mine = sorted(name for name in names if _is_media(name, CLIPS if clips else PICTURES))
    if not mine:
        raise CmrError(f"{path} holds no {'clips' if clips else 'pictures'}")
    return Loose([Item(name, uri=name) for name in mine], reader)


def _of_shards(path: str, endings: tuple[str, ...]) -> Loose:
    """The media in a tar file, or in shards; what a damaged one has lost is a reject."""
    paths = expand([path])
    reader = TarReader(paths)
    mine = [member for member in reader.members if _is_media(member.name, endings)]
    names = [member.name.removeprefix("./") for member in mine]
    if len(paths) > 1:
        # Shards mostly count from 0 again.
        shards = [Path(paths[member.archive]).stem for member in mine]
        names = [f"{shard}/{name}" for shard, name in zip(shards, names, strict=True)]
    items = [Item(name, uri=reader.uri(member)) for name, member in zip(names, mine, strict=True)]
    if not items:
        raise CmrError(f"{path} holds no file that ends with {', '.join(endings)}")
    lost = [Reject(Path(paths[one.archive]).name, one.reason) for one in reader.damages]
    return Loose(items, reader, lost)


def _is_shards(path: str) -> bool:
    if is_folder(path):
        return any(name.lower().endswith(TARS) for name in entries(path))
    return path.lower().endswith(TARS) or "{" in path or "*" in path


def _is_media(name: str, endings: tuple[str, ...]) -> bool:
    """Whether it is one by its name, and not macOS' own file beside one."""
    parts = PurePosixPath(name).parts
    hidden = any(part.startswith((".", "__MACOSX")) for part in parts if part not in (".", ".."))
    return not hidden and PurePosixPath(name).suffix.lower().removeprefix(".") in endings


def loose_texts(path: str) -> Loose:
    """The captions of a text file, one on each line, or of a table.

    An item's id is its row's number, after the file's name.
    """
    stem = Path(path).stem
    if _is_table(path):
        found = read_pairs(path, split="all")
        items = [Item(f"{stem}:{one.item_id}", text=one.text) for one in found.texts]
        return Loose(items, rejects=[*found.rejects])
    # Not splitlines: a caption may contain a form feed or U+2028.
    lines = enumerate(read_text(path).split("\n"))
    items = [Item(f"{stem}:{row}", text=line.strip()) for row, line in lines if line.strip()]
    if not items:
        raise CmrError(f"{path} holds no captions")
    return Loose(items)


def _is_table(path: str) -> bool:
    return not is_folder(path) and Path(path).suffix.lower() in _TABLES


def _below(folder: str, inside: str = "") -> list[str]:
    """The names of all files below a folder, here or in a store, relative to it."""
    found = []
    for name, leads in sorted(entries(join(folder, inside) if inside else folder).items()):
        below = f"{inside}/{name}" if inside else name
        if leads:
            found += _below(folder, below)
        else:
            found.append(below)
    return found
