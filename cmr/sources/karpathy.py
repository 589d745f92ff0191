"""Karpathy's split JSON of COCO, Flickr8k and Flickr30k: captions, splits, file names."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path, PurePosixPath
from typing import Any

from cmr.errors import CmrError
from cmr.sources.attributes import Pairs, fields_of
from cmr.sources.captions import Caption, captions_of
from cmr.sources.collection import Collection, Item, Judgment, Reject
from cmr.sources.images import open_images
from cmr.sources.jsonfile import load_json
from cmr.sources.phrases import shown
from cmr.sources.source import IMAGES, LIMIT, Parameter, Source
from cmr.sources.splits import ALL, DEFAULT, asked_for, folded_name

# The fields that are read otherwise, or that only name or repeat what is read.
_OF_PICTURES = ("filename", "filepath", "split", "imgid", "cocoid", "sentids", "sentences")
_OF_SENTENCES = ("raw", "tokens", "sentid", "imgid")
SPLITS = ("train", "restval", "val", "test")


def read_karpathy(
    annotations: str, images: str, split: Sequence[str] = (DEFAULT,), limit: int | None = None
) -> Collection:
    """Read `{images: [{filename, filepath?, split, imgid, cocoid?, sentences: [{raw, sentid}]}]}`.

    `split`: which to keep, `all` for every one. `limit`: only the first N pictures. A visual's id
    is its cocoid or, without one, its imgid; a text's is its sentid. Empty captions are rejected by
    row. Raises CmrError naming the file, the row and what is wrong with it.
    """
    splits = list(map(folded_name, asked_for(split)))
    splits = list(SPLITS) if ALL in splits else splits
    unknown = [name for name in splits if name not in SPLITS]
    if unknown or not splits:
        raise CmrError(f"unknown split {', '.join(unknown)!r}; there are {', '.join(SPLITS)}")
    data = load_json(annotations)
    entries = data.get("images") if isinstance(data, dict) else None
    if not isinstance(entries, list):
        raise CmrError(f"{annotations} lacks the list 'images' of Karpathy's layout")
    visuals: list[Item] = []
    there: set[str] = set()
    texts, judgments, rejects = [], [], []
    bare: set[str] = set()
    for row, entry in enumerate(entries):
        where = f"{annotations}: images[{row}]"
        if not isinstance(entry, dict):
            raise CmrError(f"{where} is not an object")
        told = entry.get("split")
        of = folded_name(told) if isinstance(told, str) else told
        if of not in SPLITS:
            raise CmrError(f"{where} has the split {shown(told)}; there are {', '.join(SPLITS)}")
        there.add(of)
        if of not in splits or (limit is not None and len(visuals) >= limit):
            continue
        visual_id = _id(where, entry, "cocoid" if "cocoid" in entry else "imgid")
        told = fields_of(entry, _OF_PICTURES)
        visuals.append(Item(visual_id, uri=_path(where, entry), split=of, attributes=told))
        for text_id, caption, more in _sentences(where, entry):
            if caption.fault:
                rejects.append(Reject(f"sentence {text_id}", caption.fault))
                bare.add(visual_id)
                continue
            texts.append(Item(text_id, text=caption.text, split=of, attributes=more))
            judgments.append(Judgment(text_id, visual_id))
    if not visuals:
        has = ", ".join(sorted(there)) or "none"
        raise CmrError(
            f"{annotations} has no picture of the split {', '.join(splits)}; it has {has}"
        )
    return Collection(
        source="karpathy",
        texts=texts,
        visuals=visuals,
        judgments=judgments,
        settings={
            "annotations": Path(annotations).name,
            "images": Path(images).name,
            "splits": splits,
            "limit": limit,
        },
        reader=open_images(images),
        rejects=rejects,
        bare=bare,
    )


def _id(where: str, entry: dict[str, Any], key: str) -> str:
    value = entry.get(key)
    if not isinstance(value, str | int) or isinstance(value, bool):
        raise CmrError(f"{where} lacks {key}")
    return str(value)


def _path(where: str, entry: dict[str, Any]) -> str:
    """A picture's path; COCO's splits are in two folders, which `filepath` names."""
    folder = entry.get("filepath")
    name = _id(where, entry, "filename")
    return str(PurePosixPath(folder) / name) if isinstance(folder, str) and folder else name


def _sentences(where: str, entry: dict[str, Any]) -> list[tuple[str, Caption, Pairs]]:
    """Ids, captions and attributes of a picture's sentences."""
    sentences = entry.get("sentences")
    if not isinstance(sentences, list):
        raise CmrError(f"{where} lacks the list sentences")
    found = []
    for number, sentence in enumerate(sentences):
        inside = f"{where}.sentences[{number}]"
        if not isinstance(sentence, dict) or "raw" not in sentence:
            raise CmrError(f"{inside} lacks raw, the caption's text")
        text_id = _id(inside, sentence, "sentid")
        told = fields_of(sentence, _OF_SENTENCES)
        for caption in captions_of(sentence["raw"], inside):
            more = "" if caption.place is None else f".{caption.place}"
            found.append((text_id + more, caption, told))
    return found


SOURCE = Source(
    name="karpathy",
    summary="Karpathy's split JSON of COCO, Flickr8k or Flickr30k.",
    about="The JSON holds images (filename, split, sentences); --split says which to keep. "
    "Pictures that are missing or do not decode are listed in `rejects` with the reason.",
    examples=(
        "cmr ingest karpathy --annotations dataset_flickr8k.json --images Flickr8k_Dataset/ "
        "--model ViT-B-32 --pretrained openai",
        "cmr ingest karpathy --annotations dataset_coco.json --images coco/ --split val,test "
        "--model ViT-B-32 --pretrained openai",
    ),
    parameters=(
        Parameter("annotations", "Split JSON.", required=True, path=True),
        Parameter("images", IMAGES, required=True, path=True),
        Parameter(
            "split",
            "train, restval, val, test, or all.",
            many=True,
            default=DEFAULT,
            formerly="splits",
        ),
        LIMIT,
    ),
    read=read_karpathy,
    media=True,
    named_by="annotations",
)
