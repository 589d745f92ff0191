"""Clips in a folder, with a table of captions; MSR-VTT's files among them."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

from cmr.errors import CmrError
from cmr.sources.collection import Collection, Item, Judgment, Reject
from cmr.sources.files import below, is_folder
from cmr.sources.images import open_images
from cmr.sources.jsonfile import load_json
from cmr.sources.pairs import read_pairs, read_table
from cmr.sources.source import LIMIT, Parameter, Source

ENDINGS = (".mp4", ".avi", ".mkv", ".webm", ".mov", ".m4v", ".mpg", ".mpeg", ".flv", ".wmv", ".ts")


def read_video(
    captions: str,
    clips: str,
    media_column: str | None = None,
    caption_column: str | None = None,
    limit: int | None = None,
) -> Collection:
    """Read a table of clips and captions, as `pairs` does; clips may be named without ending."""
    found = read_pairs(captions, clips, media_column, caption_column, limit)
    visuals = _located(clips, found.visuals)
    settings = {**found.settings, "clips": Path(clips).name}
    return replace(found, source="video", visuals=visuals, settings=settings, clips=True)


def read_msrvtt(
    captions: str, clips: str, split: str | None = None, limit: int | None = None
) -> Collection:
    """Read MSR-VTT: its JSON, or the CSV of the 1k-A test list, and a folder of clips.

    JSON: `{videos?: [{video_id, split}], sentences: [{video_id, caption, sen_id?}]}`, `split`
    keeps the videos of one. CSV: `video_id, sentence`, and `key` if it has one. Empty captions
    are rejected. Raises CmrError naming the file, the row and what is wrong with it.
    """
    rows = _from_json(captions, split) if captions.endswith(".json") else _from_csv(captions)
    visuals: dict[str, Item] = {}
    texts, judgments, rejects = [], [], []
    for text_id, video, caption in rows:
        if video not in visuals:
            if limit is not None and len(visuals) >= limit:
                continue
            visuals[video] = Item(video, uri=video, split=split)
        if not caption.strip():
            rejects.append(Reject(f"sentence {text_id}", "the caption is empty"))
            continue
        texts.append(Item(text_id, text=caption, split=split))
        judgments.append(Judgment(text_id, video))
    return Collection(
        source="msrvtt",
        texts=texts,
        visuals=_located(clips, list(visuals.values())),
        judgments=judgments,
        settings={
            "captions": Path(captions).name,
            "clips": Path(clips).name,
            "split": split,
            "limit": limit,
        },
        reader=open_images(clips),
        rejects=rejects,
        clips=True,
    )


def _located(clips: str, visuals: Any) -> list[Item]:
    """The items with the names of their files, where the table leaves the ending out."""
    if not is_folder(clips):
        return list(visuals)
    files = {
        Path(name).stem: name
        for name in sorted(below(clips), reverse=True)
        if Path(name).suffix.lower() in ENDINGS
    }
    return [
        item
        if item.uri is None or Path(item.uri).suffix.lower() in ENDINGS
        else replace(item, uri=files.get(item.uri, item.uri))
        for item in visuals
    ]


def _from_json(path: str, split: str | None) -> list[tuple[str, str, str]]:
    data = load_json(path)
    sentences = data.get("sentences") if isinstance(data, dict) else None
    if not isinstance(sentences, list):
        raise CmrError(f"{path} lacks the list 'sentences' of MSR-VTT's layout")
    kept = None
    if split is not None:
        videos = data.get("videos")
        if not isinstance(videos, list):
            raise CmrError(f"{path} lacks the list 'videos', which names the split of each")
        kept = {
            v.get("video_id") for v in videos if isinstance(v, dict) and v.get("split") == split
        }
        if not kept:
            raise CmrError(f"{path} has no video of the split {split!r}")
    rows = []
    for number, entry in enumerate(sentences):
        video = entry.get("video_id") if isinstance(entry, dict) else None
        caption = entry.get("caption") if isinstance(entry, dict) else None
        if not isinstance(video, str | int) or not isinstance(caption, str):
            raise CmrError(f"{path}: sentences[{number}] lacks video_id or caption")
        if kept is None or video in kept:
            rows.append((str(entry.get("sen_id", number)), str(video), caption))
    return rows


def _from_csv(path: str) -> list[tuple[str, str, str]]:
    table = read_table(path)
    lacking = [name for name in ("video_id", "sentence") if name not in table.columns]
    if lacking:
        raise CmrError(f"{path} lacks the column {lacking[0]}; it has {', '.join(table.columns)}")
    keys = "key" in table.columns
    return [
        (str(row["key"]) if keys else str(number), str(row["video_id"]), row["sentence"] or "")
        for number, row in enumerate(table.iter_rows(named=True))
    ]


_CLIPS = Parameter("clips", "Folder of the clips.", required=True, path=True)

SOURCE = Source(
    name="video",
    summary="A folder of clips and a table of captions.",
    about="The table is CSV, TSV, JSON lines or Parquet, a row a clip and a caption, or a list of "
    "captions. Clips that have no picture, are cut off or do not decode are listed in `rejects`.",
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
        LIMIT,
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
    "video_id and sentence.",
    examples=(
        "cmr ingest msrvtt --captions MSRVTT_JSFUSION_test.csv --clips videos/ --dataset 1k-A "
        "--model ViT-B-32 --pretrained openai",
        "cmr ingest msrvtt --captions videodatainfo.json --clips videos/ --split test "
        "--model ViT-B-32 --pretrained openai",
    ),
    parameters=(
        Parameter("captions", "JSON or CSV.", required=True, path=True),
        _CLIPS,
        Parameter("split", "Of the JSON, train, validate or test.  [default: all]"),
        LIMIT,
    ),
    read=read_msrvtt,
    media=True,
    named_by="captions",
    clips=True,
)
