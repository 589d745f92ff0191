"""Clips in a folder with a table of captions, such as MSR-VTT's files."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from cmr.errors import CmrError
from cmr.sources.captions import captions_of
from cmr.sources.collection import Collection, Item, Judgment, Reject
from cmr.sources.images import open_images
from cmr.sources.jsonfile import load_json
from cmr.sources.pairs import read_pairs
from cmr.sources.source import LIMIT, SEPARATOR, SPLIT, Parameter, Source
from cmr.sources.splits import choose, name_of, split_cells
from cmr.sources.tables import known_column, read_table


def read_video(
    captions: str,
    clips: str,
    media_column: str | None = None,
    caption_column: str | None = None,
    split: str | Sequence[str] | None = None,
    separator: str | None = None,
    limit: int | None = None,
) -> Collection:
    """Read a table of clips and captions, as `pairs` does; clips' extensions may differ."""
    found = read_pairs(
        captions, clips, media_column, caption_column, split, separator, limit, clips=True
    )
    settings = {**found.settings, "clips": Path(clips).name}
    return replace(found, source="video", settings=settings)


def read_msrvtt(
    captions: str,
    clips: str,
    split: str | Sequence[str] | None = None,
    separator: str | None = None,
    limit: int | None = None,
) -> Collection:
    """Read MSR-VTT: its JSON, or the CSV of the 1k-A test list, and a folder of clips.

    JSON: `{videos?: [{video_id, split}], sentences: [{video_id, caption, sen_id?}]}`. CSV:
    `video_id, sentence`, and optionally `key` and `split`. `split`: see `cmr.sources.splits`. Empty
    captions are rejected. Raises CmrError naming the file, the row and what is wrong with it.
    """
    rows, there = (
        _from_json(captions)
        if captions.lower().endswith(".json")
        else _from_csv(captions, separator)
    )
    chosen = choose(captions, there, split)
    visuals: dict[str, Item] = {}
    bare = set[str]()
    texts, judgments, rejects = list[Item](), list[Judgment](), list[Reject]()
    for text_id, video, cell, where, of in rows:
        if not chosen.take(of):
            continue
        if video not in visuals:
            if limit is not None and len(visuals) >= limit:
                continue
            visuals[video] = Item(video, uri=video, split=name_of(of))
        for caption in captions_of(cell, where):
            this = text_id if caption.place is None else f"{text_id}.{caption.place}"
            if caption.fault:
                rejects.append(Reject(f"sentence {this}", caption.fault))
                bare.add(video)
                continue
            texts.append(Item(this, text=caption.text, split=name_of(of)))
            judgments.append(Judgment(this, video))
    return Collection(
        source="msrvtt",
        texts=texts,
        visuals=list(visuals.values()),
        judgments=judgments,
        settings={
            "captions": Path(captions).name,
            "clips": Path(clips).name,
            "split": chosen.names,
            "limit": limit,
        },
        reader=open_images(clips, clips=True),
        rejects=rejects,
        clips=True,
        notes=[f"{captions}: {chosen.note}"] if chosen.note else [],
        bare=bare,
    )


# A sentence's id, its video, the caption's cell, its location, and its split.
_Row = tuple[str, str, Any, str, Any]


def _from_json(path: str) -> tuple[list[_Row], list[Any]]:
    """The sentences, and the splits of the videos."""
    data = load_json(path)
    sentences = data.get("sentences") if isinstance(data, dict) else None
    if not isinstance(sentences, list):
        other = "; a list of clips and captions is for `cmr ingest video`"
        raise CmrError(
            f"{path} lacks the list 'sentences' of MSR-VTT's layout"
            f"{other if isinstance(data, list) else ''}"
        )
    videos = data.get("videos")
    splits = {
        str(one.get("video_id")): one.get("split")
        for one in (videos if isinstance(videos, list) else ())
        if isinstance(one, dict)
    }
    rows = []
    for number, entry in enumerate(sentences):
        where = f"{path}: sentences[{number}]"
        video = entry.get("video_id") if isinstance(entry, dict) else None
        if not isinstance(video, str | int) or "caption" not in entry:
            raise CmrError(f"{where} lacks video_id or caption")
        text_id, name = str(entry.get("sen_id", number)), str(video)
        rows.append((text_id, name, entry["caption"], where, splits.get(name)))
    return rows, list(splits.values())


def _from_csv(path: str, separator: str | None) -> tuple[list[_Row], list[Any]]:
    """The sentences of the rows, and their splits."""
    table = read_table(path, separator)
    video, sentence = (known_column(table.columns, (n,)) or n for n in ("video_id", "sentence"))
    key = known_column(table.columns, ("key",))
    keys = [None] * table.rows if key is None else table.column(key)
    splits = split_cells(table)
    rows = []
    for number, (clip, told, name, of) in enumerate(
        zip(table.column(video), table.column(sentence), keys, splits, strict=True)
    ):
        where = table.where(number)
        if not isinstance(clip, str | int):
            raise CmrError(f"{where} lacks video_id, the clip's name")
        rows.append((str(number) if name is None else str(name), str(clip), told, where, of))
    return rows, splits


_CLIPS = Parameter("clips", "Folder of the clips.", required=True, path=True)

SOURCE = Source(
    name="video",
    summary="A folder of clips and a table of captions.",
    about="The table is one that `cmr ingest pairs` reads: each row has a clip and a caption, or a "
    "list of captions. A clip may be named without its extension, or with a different one. "
    "Clips that have no picture, are cut off or do not decode are listed in `rejects`.",
    examples=(
        "cmr ingest video --captions captions.csv --clips clips/ --frames 12 "
        "--model ViT-B-32 --pretrained openai",
        "cmr ingest video --captions list.jsonl --clips clips/ --sampling fps "
        "--model hf-hub:timm/ViT-B-16-SigLIP",
    ),
    parameters=(
        Parameter("captions", "Table of clips and captions.", required=True, path=True),
        _CLIPS,
        Parameter("media_column", "Column of the clips.  [default: the first known name]"),
        Parameter("caption_column", "Column of the captions.  [default: the first known name]"),
        SPLIT,
        SEPARATOR,
        replace(LIMIT, help="Only the first N clips."),
    ),
    read=read_video,
    media=True,
    named_by="captions",
    clips=True,
)
MSRVTT = Source(
    name="msrvtt",
    summary="MSR-VTT's JSON, or the CSV of its 1k-A test list, and the clips.",
    about="The JSON holds sentences (video_id, caption) and videos (video_id, split); the CSV "
    "video_id and sentence, and optionally key and split.",
    examples=(
        "cmr ingest msrvtt --captions MSRVTT_JSFUSION_test.csv --clips videos/ --dataset 1k-A "
        "--model ViT-B-32 --pretrained openai",
        "cmr ingest msrvtt --captions videodatainfo.json --clips videos/ --split test "
        "--model ViT-B-32 --pretrained openai",
    ),
    parameters=(
        Parameter("captions", "JSON or CSV.", required=True, path=True),
        _CLIPS,
        SPLIT,
        SEPARATOR,
        replace(LIMIT, help="Only the first N clips."),
    ),
    read=read_msrvtt,
    media=True,
    named_by="captions",
    clips=True,
)
