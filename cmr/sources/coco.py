"""COCO captions: a JSON of images and annotations, and a folder or zip of pictures."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from cmr.errors import CmrError
from cmr.sources.captions import captions_of
from cmr.sources.collection import Collection, Item, Judgment, Reject
from cmr.sources.images import open_images
from cmr.sources.jsonfile import load_json
from cmr.sources.phrases import kind_of
from cmr.sources.source import IMAGES, LIMIT, Parameter, Source


def read_coco(annotations: str, images: str, limit: int | None = None) -> Collection:
    """Read `{images: [{id, file_name, …}], annotations: [{id, image_id, caption}]}`.

    `limit` keeps the first N images. Ids keep their text, leading zeros included.
    Captions of unknown images, and empty ones, are rejected by row.
    Raises CmrError naming the file and what is wrong with it.
    """
    data = load_json(annotations)
    if not isinstance(data, dict):
        raise CmrError(f"{annotations} holds {kind_of(data)}, expected images and annotations")
    rejects: list[Reject] = []
    bare: set[str] = set()
    seen: dict[str, str] = {}
    visuals: dict[str, Item] = {}
    entries = _entries(annotations, data, "images")
    for row, entry in enumerate(entries if limit is None else entries[:limit]):
        where = f"images[{row}]"
        visual_id = _field(annotations, where, entry, "id")
        name = _field(annotations, where, entry, "file_name")
        if visual_id in visuals:
            raise CmrError(f"{annotations}: {where} repeats the image id {visual_id}")
        visuals[visual_id] = Item(
            visual_id, uri=name, width=_size(entry, "width"), height=_size(entry, "height")
        )
    known = {_field(annotations, "images", entry, "id") for entry in entries}
    texts, judgments = [], []
    for row, entry in enumerate(_entries(annotations, data, "annotations")):
        where = f"annotations[{row}]"
        visual_id = _field(annotations, where, entry, "image_id")
        if visual_id not in visuals:
            if visual_id not in known:
                rejects.append(Reject(where, f"image {visual_id} is not in images"))
            continue
        if "caption" not in entry:
            raise CmrError(f"{annotations}: {where} lacks caption")
        for caption in captions_of(entry["caption"], f"{annotations}: {where}"):
            if caption.fault:
                rejects.append(Reject(where, caption.fault))
                bare.add(visual_id)
                continue
            text_id = _field(annotations, where, entry, "id")
            if caption.place is not None:
                text_id += f".{caption.place}"
            other = seen.setdefault(text_id, where)
            if other != where:
                raise CmrError(f"{annotations}: {where} repeats the id {text_id} of {other}")
            texts.append(Item(text_id, text=caption.text))
            judgments.append(Judgment(text_id, visual_id))
    return Collection(
        source="coco",
        texts=texts,
        visuals=list(visuals.values()),
        judgments=judgments,
        settings={
            "annotations": Path(annotations).name,
            "images": Path(images).name,
            "limit": limit,
        },
        reader=open_images(images),
        rejects=rejects,
        bare=bare,
    )


def _entries(path: str, data: dict[str, Any], key: str) -> list[Any]:
    entries = data.get(key)
    if not isinstance(entries, list):
        raise CmrError(f"{path} lacks the list {key!r} of the COCO captions layout")
    return entries


def _field(path: str, where: str, entry: Any, key: str) -> str:
    value = entry.get(key) if isinstance(entry, dict) else None
    if isinstance(value, float) and value.is_integer():
        # As pandas writes integers of a column with missing values.
        value = int(value)
    if not isinstance(value, str | int) or isinstance(value, bool):
        raise CmrError(f"{path}: {where} lacks {key}")
    return str(value)


def _size(entry: dict[str, Any], key: str) -> int | None:
    value = entry.get(key)
    return value if isinstance(value, int) and 0 < value < 2**31 else None


SOURCE = Source(
    name="coco",
    summary="A COCO captions JSON and its pictures.",
    about="The JSON holds images (id, file_name) and annotations (id, image_id, caption). "
    "Pictures that are missing or do not decode are listed in `rejects` with the reason.",
    examples=(
        "cmr ingest coco --annotations captions_val2017.json --images val2017.zip "
        "--model ViT-B-32 --pretrained laion2b_s34b_b79k",
    ),
    parameters=(
        Parameter("annotations", "Captions JSON.", required=True, path=True),
        Parameter("images", IMAGES, required=True, path=True),
        LIMIT,
    ),
    read=read_coco,
    media=True,
    named_by="annotations",
)
