"""webdataset: tar shards, in which files with the same key are one sample."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

from cmr.errors import CmrError
from cmr.sources.attributes import HOUSEKEEPING, Pairs, fields_of
from cmr.sources.captions import EMPTY, Caption, captions_of
from cmr.sources.collection import Collection, Item, Judgment, Reject
from cmr.sources.jsonfile import loads
from cmr.sources.pairs import CAPTIONS, numbered_columns
from cmr.sources.phrases import counted
from cmr.sources.shard_names import expand
from cmr.sources.source import LIMIT, Parameter, Source
from cmr.sources.tables import known_column
from cmr.sources.tars import TarReader
from cmr.sources.tarscan import Member
from cmr.sources.text import decode_text, is_unicode

MEDIA = ("jpg", "jpeg", "png", "webp", "gif", "bmp", "ppm")
CLIPS = ("mp4", "webm", "mkv", "avi", "mov")
# Junk from macOS and faulty tools, and what webdataset calls metadata.
_JUNK = re.compile(r"__[^/]*__($|/)|(.*/)?(__MACOSX|PaxHeaders?(\.\d+)?)/", re.DOTALL)

Sample = tuple[int, str, dict[str, Member]]


def read_webdataset(shards: Sequence[str], limit: int | None = None) -> Collection:
    """Read tar shards: brace patterns (`{000..012}.tar`), globs, files, or a folder of them.

    A sample is the files that share a key, the name up to the first dot of its last part: a picture
    or a clip, and captions in `.txt`, one per line, or `.json` (`caption`, `captions` or `text`).
    Like webdataset itself, it skips names that begin with a dot or have none, and `__metadata__`. A
    visual's id is its key, after the shard's number if the key is repeated. Samples without media
    or caption are rejected; what a damaged shard has lost is reported in `lost`. Raises CmrError
    naming the file at fault, for a shard or sample that is given twice, and if there are both
    pictures and clips.
    """
    paths = expand(shards)
    reader = TarReader(paths)
    kinds: dict[bool, str] = {}
    visuals: list[Item] = []
    texts, judgments, rejects = [], [], []
    seen: dict[str, list[Member]] = {}
    samples = _samples(reader)
    keys = {key for _, key, _ in samples}
    bare: set[str] = set()
    for archive, key, members in samples:
        if limit is not None and len(visuals) >= limit:
            break
        if not is_unicode(key):
            told = f"{Path(paths[archive]).name}: {key!a}"
            rejects.append(Reject(told, "its name is not UTF-8"))
            continue
        where = f"{Path(paths[archive]).name}: {key}"
        ending = next((name for name in (*MEDIA, *CLIPS) if name in members), None)
        if ending is None:
            rejects.append(Reject(where, f"no picture or clip among {', '.join(members)}"))
            continue
        kinds.setdefault(ending in CLIPS, where)
        visual_id = key
        if key in seen:
            # Longer if another sample's own key looks like that.
            while visual_id in keys:
                visual_id = f"{archive}/{visual_id}"
            keys.add(visual_id)
        _refuse_copy(reader, key, members[ending], seen.setdefault(key, []))
        captions, faults = _captions(reader, members, where)
        rejects += [Reject(where, fault) for fault in faults]
        if not captions:
            bare.add(visual_id)
        more = _attributes(reader, members)
        visuals.append(Item(visual_id, uri=reader.uri(members[ending]), attributes=more))
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
        lost=_lost(reader, samples),
        bare=bare,
    )


def _samples(reader: TarReader) -> list[Sample]:
    """Files that share a key in a shard: (shard, key, {ending: member}), by the first one's place.

    webdataset needs the files of a sample to be adjacent; here they need not be. Like it, raises
    CmrError if an ending occurs twice.
    """
    found: dict[tuple[int, str], dict[str, Member]] = {}
    for member in reader.members:
        folder, _, last = member.name.rpartition("/")
        stem, dot, ending = last.partition(".")
        if not stem or not dot or _JUNK.match(member.name):
            continue
        key = f"{folder}/{stem}" if folder not in ("", ".") else stem
        held = found.setdefault((member.archive, key), {})
        other = held.setdefault(ending.lower(), member)
        if other is not member:
            shard = reader.paths[member.archive]
            if other.name == member.name:
                raise CmrError(f"{shard}: two files are called {member.name!r}")
            raise CmrError(
                f"{shard}: {other.name!r} and {member.name!r} are one sample's .{ending.lower()}"
            )
    return [(archive, key, held) for (archive, key), held in found.items()]


def _refuse_copy(reader: TarReader, key: str, media: Member, before: list[Member]) -> None:
    """Reject a sample that an earlier shard already has; only keys may be repeated."""
    for other in before:
        if other.size == media.size and _same(reader, other, media):
            shards = " and ".join(reader.paths[one.archive] for one in (other, media))
            raise CmrError(
                f"{shards} have the same sample {key!r}, with the same file {media.name!r}; "
                "give each shard once"
            )
    before.append(media)


def _same(reader: TarReader, one: Member, other: Member) -> bool:
    try:
        return reader.read(reader.uri(one)) == reader.read(reader.uri(other))
    except OSError:
        # Unreadable ones are rejected later, by their own names.
        return False


def _lost(reader: TarReader, samples: Sequence[Sample]) -> list[Reject]:
    """Rejects for damaged shards: where, and how many samples precede the damage."""
    starts = [
        (archive, min(member.offset for member in members.values()))
        for archive, _, members in samples
    ]
    rejects = []
    for damage in reader.damages:
        before = sum(a == damage.archive and at < damage.offset for a, at in starts)
        lie = "lies" if before == 1 else "lie"
        reason = f"{damage.reason}; {counted(before, 'sample')} {lie} before that"
        rejects.append(Reject(Path(reader.paths[damage.archive]).name, reason))
    return rejects


def _captions(
    reader: TarReader, members: dict[str, Member], where: str
) -> tuple[list[str], list[str]]:
    """The captions of a sample, and their faults; an empty file does not hide another."""
    faults: list[str] = []
    for ending in ("txt", "json"):
        if ending not in members:
            continue
        try:
            data = reader.read(reader.uri(members[ending]))
            text = decode_text(data, f".{ending}")
            told = loads(text) if ending == "json" else None
        except (CmrError, OSError, ValueError, RecursionError) as error:
            faults.append(f"captions are not readable: {error}")
            continue
        # Not splitlines: a caption may contain a form feed or U+2028.
        lines = [Caption(line.strip()) for line in text.split("\n") if line.strip()]
        found = _told(told, f"{where}.json") if ending == "json" else lines
        captions = [one.text.strip() for one in found if not one.fault]
        wrong = [one.fault for one in found if one.fault]
        if captions:
            return captions, [fault for fault in faults if fault != EMPTY] + wrong
        faults += wrong or [EMPTY]
    return [], faults or [f"no .txt or .json among {', '.join(members)}"]


def _attributes(reader: TarReader, members: dict[str, Member]) -> Pairs:
    """What a sample's JSON says beside its captions; nothing of one that cannot be read."""
    if "json" not in members:
        return ()
    try:
        data = loads(decode_text(reader.read(reader.uri(members["json"])), ".json"))
    except (CmrError, OSError, ValueError, RecursionError):
        return ()
    if not isinstance(data, dict):
        return ()
    return fields_of(data, (*CAPTIONS, *numbered_columns(list(data)), *HOUSEKEEPING))


def _told(data: object, where: str) -> list[Caption]:
    """The captions in a sample's JSON: those of the first known name that has any."""
    if not isinstance(data, dict):
        return captions_of(data, where)
    known = [known_column(list(data), (name,)) for name in dict.fromkeys(("captions", *CAPTIONS))]
    names = [name for name in known if name is not None]
    several = [captions_of(data[name], where) for name in names]
    if numbered := numbered_columns(list(data)):
        several.append([one for name in numbered for one in captions_of(data[name], where)])
    sound = (found for found in several if any(not one.fault for one in found))
    return next(sound, several[0] if several else [Caption("", None, EMPTY)])


SOURCE = Source(
    name="webdataset",
    summary="webdataset's tar shards, CLIP_benchmark's folders among them.",
    about="SHARDS are .tar files, folders of them, globs, or brace patterns, here or in an object "
    "store. Files of one key are a sample: a picture or a clip, and captions in .txt, one per "
    "line, or .json.",
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
