"""webdataset: tar shards, where files of one key are one sample."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from glob import escape
from pathlib import Path

from cmr.errors import CmrError
from cmr.sources.collection import Collection, Item, Judgment, Reject
from cmr.sources.files import is_folder, join, matching
from cmr.sources.source import LIMIT, Parameter, Source
from cmr.sources.tars import Member, TarReader

MEDIA = ("jpg", "jpeg", "png", "webp", "gif", "bmp", "ppm")
CLIPS = ("mp4", "webm", "mkv", "avi", "mov")
_RANGE = re.compile(r"\{(\d+)\.\.(\d+)\}")


def read_webdataset(shards: Sequence[str], limit: int | None = None) -> Collection:
    """Read tar shards: brace patterns (`{000..012}.tar`), globs, files, or a folder of them.

    A sample is what shares a key, the name up to the first dot of its last part: a picture or a
    clip, and captions in `.txt`, one a line, or `.json` (`caption`, `captions` or `text`).
    Visuals are called by their key, with the shard's number before it where a key comes again.
    Samples without media or caption are rejected. Raises CmrError naming the file at fault, and
    if there are pictures as well as clips.
    """
    paths = expand(shards)
    reader = TarReader(paths)
    kinds: dict[bool, str] = {}
    visuals: list[Item] = []
    texts, judgments, rejects = [], [], []
    seen: set[str] = set()
    for archive, key, members in _samples(reader.members):
        if limit is not None and len(visuals) >= limit:
            break
        where = f"{Path(paths[archive]).name}: {key}"
        ending = next((name for name in (*MEDIA, *CLIPS) if name in members), None)
        if ending is None:
            rejects.append(Reject(where, f"no picture or clip among {', '.join(members)}"))
            continue
        kinds.setdefault(ending in CLIPS, where)
        visual_id = key if key not in seen else f"{archive}/{key}"
        seen.add(visual_id)
        captions, fault = _captions(reader, members)
        if fault:
            rejects.append(Reject(where, fault))
        visuals.append(Item(visual_id, uri=reader.uri(members[ending])))
        for place, caption in enumerate(captions):
            text_id = f"{visual_id}#{place}"
            texts.append(Item(text_id, text=caption))
            judgments.append(Judgment(text_id, visual_id))
    if len(kinds) > 1:
        raise CmrError(f"{kinds[False]} is a picture and {kinds[True]} a clip; give one kind")
    return Collection(
        source="webdataset",
        texts=texts,
        visuals=visuals,
        judgments=judgments,
        settings={"shards": [Path(path).name for path in paths], "limit": limit},
        reader=reader,
        rejects=rejects,
        clips=True in kinds,
    )


def expand(shards: Sequence[str]) -> list[str]:
    """The shards' paths, in order. Raises CmrError for a pattern that names none."""
    found: list[str] = []
    for pattern in shards:
        paths = [path for braced in _braces(pattern) for path in _paths(braced)]
        if not paths:
            raise CmrError(f"{pattern} names no .tar file")
        found += paths
    return found


def _braces(pattern: str) -> Iterator[str]:
    match = _RANGE.search(pattern)
    if match is None:
        yield pattern
        return
    first, last = match[1], match[2]
    for number in range(int(first), int(last) + 1):
        text = str(number).zfill(len(first))
        yield from _braces(pattern[: match.start()] + text + pattern[match.end() :])


def _paths(path: str) -> list[str]:
    if is_folder(path):
        # CLIP_benchmark puts the shards of each split into a folder of its own.
        return _tars(path) or _tars(join(path, "test"))
    return matching(path) if any(letter in path for letter in "*?[") else [path]


def _tars(folder: str) -> list[str]:
    return matching(join(escape(folder), "*.tar"))


def _samples(members: Sequence[Member]) -> Iterator[tuple[int, str, dict[str, Member]]]:
    """Neighbours in a shard with one key: (shard, key, {ending: member})."""
    current: tuple[int, str] | None = None
    held: dict[str, Member] = {}
    for member in members:
        folder, _, last = member.name.rpartition("/")
        stem, _, ending = last.partition(".")
        key = (member.archive, f"{folder}/{stem}" if folder not in ("", ".") else stem)
        if key != current:
            if current and held:
                yield *current, held
            current, held = key, {}
        held[ending.lower()] = member
    if current and held:
        yield *current, held


def _captions(reader: TarReader, members: dict[str, Member]) -> tuple[list[str], str | None]:
    """The captions of a sample, and what is wrong with them if there are none."""
    try:
        if "txt" in members:
            text = reader.read(reader.uri(members["txt"])).decode("utf-8")
            captions = [line.strip() for line in text.splitlines()]
        elif "json" in members:
            data = json.loads(reader.read(reader.uri(members["json"])).decode("utf-8"))
            captions = _from_json(data)
        else:
            return [], f"no .txt or .json among {', '.join(members)}"
    except (ValueError, RecursionError) as error:
        return [], f"captions are not readable: {error}"
    captions = [caption for caption in captions if caption]
    return captions, None if captions else "the caption is empty"


def _from_json(data: object) -> list[str]:
    if isinstance(data, dict):
        for key in ("captions", "caption", "text"):
            if key in data:
                data = data[key]
                break
    if isinstance(data, str):
        return [data.strip()]
    if isinstance(data, list):
        return [caption.strip() for caption in data if isinstance(caption, str)]
    return []


SOURCE = Source(
    name="webdataset",
    summary="webdataset's tar shards, CLIP_benchmark's folders among them.",
    about="SHARDS are .tar files, folders of them, globs, or brace patterns, here or in an object "
    "store. Files of one key are a sample: a picture or a clip, and captions in .txt, one a line, "
    "or .json.",
    examples=(
        "cmr ingest webdataset 'shards/{00000..00012}.tar' --model ViT-B-32 --pretrained openai",
        "cmr ingest webdataset wds_flickr8k/ --model hf-hub:timm/ViT-B-16-SigLIP",
        "cmr ingest webdataset 's3://bucket/clips/{000..099}.tar' --frames 8 "
        "--model ViT-B-32 --pretrained openai",
    ),
    parameters=(Parameter("shards", argument=True, required=True, many=True, path=True), LIMIT),
    read=read_webdataset,
    media=True,
    clips=True,
)
