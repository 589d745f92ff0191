"""COCO captions: a JSON of images and annotations, and a folder or zip of pictures."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from cmr.errors import CmrError
from cmr.sources.attributes import Pairs, fields_of, values_in, with_pairs
from cmr.sources.captions import captions_of
from cmr.sources.collection import Collection, Item, Judgment, Reject
from cmr.sources.images import open_images
from cmr.sources.jsonfile import load_json
from cmr.sources.phrases import kind_of
from cmr.sources.source import IMAGES, LIMIT, Parameter, Source

# The fields that are read otherwise.
_OF_IMAGES = ("id", "file_name", "width", "height")
_OF_ANNOTATIONS = ("id", "image_id", "caption", "category_id")


def read_coco(
    annotations: str, images: str, limit: int | None = None, instances: str | None = None
) -> Collection:
    """Read `{images: [{id, file_name, …}], annotations: [{id, image_id, caption}]}`.

    `limit` keeps the first N images. `instances`: the file of the same images' objects, whose
    categories become attributes; those of the captions' file itself do, too. Ids keep their
    text, leading zeros included. Captions of unknown images, and empty ones, are rejected by row.
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
            visual_id,
            uri=name,
            width=_size(entry, "width"),
            height=_size(entry, "height"),
            attributes=fields_of(entry, _OF_IMAGES),
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
            more = fields_of(entry, _OF_ANNOTATIONS)
            texts.append(Item(text_id, text=caption.text, attributes=more))
            judgments.append(Judgment(text_id, visual_id))
    found = Collection(
        source="coco",
        texts=texts,
        visuals=list(visuals.values()),
        judgments=judgments,
        settings={
            "annotations": Path(annotations).name,
            "images": Path(images).name,
            "limit": limit,
            **({} if instances is None else {"instances": Path(instances).name}),
        },
        reader=open_images(images),
        rejects=rejects,
        bare=bare,
    )
    files = [(annotations, data)]
    if instances is not None:
        files.append((instances, load_json(instances)))
    for path, told in files:
        found = with_pairs(found, {}, _categories(path, told, required=path == instances))
    return found


def _categories(path: str, data: Any, required: bool) -> dict[str, Pairs]:
    """The categories of every image's objects, each once, by image id.

    Raises CmrError if it is `required` that there are any, and the file is not laid out so.
    """
    entries = data.get("categories") if isinstance(data, dict) else None
    objects = data.get("annotations") if isinstance(data, dict) else None
    if not isinstance(entries, list) or not isinstance(objects, list):
        if required:
            raise CmrError(f"{path} lacks the lists 'categories' and 'annotations' of COCO objects")
        return {}
    told = {
        _field(path, f"categories[{row}]", entry, "id"): tuple(
            (label, value)
            for label, key in (("category", "name"), ("supercategory", "supercategory"))
            for value in values_in(entry.get(key))
        )
        for row, entry in enumerate(entries)
    }
    found: dict[str, dict[tuple[str, str], None]] = {}
    for row, entry in enumerate(objects):
        if not required and (not isinstance(entry, dict) or "category_id" not in entry):
            continue
        image, category = (
            _field(path, f"annotations[{row}]", entry, key) for key in ("image_id", "category_id")
        )
        if required and category not in told:
            raise CmrError(f"{path}: annotations[{row}] has the unknown category {category}")
        found.setdefault(image, {}).update(dict.fromkeys(told.get(category, ())))
    return {image: tuple(pairs) for image, pairs in found.items()}


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
        "cmr ingest coco --annotations captions_val2017.json --instances instances_val2017.json "
        "--images val2017/ --model ViT-B-32 --pretrained openai",
    ),
    parameters=(
        Parameter("annotations", "Captions JSON.", required=True, path=True),
        Parameter("images", IMAGES, required=True, path=True),
        Parameter(
            "instances",
            "JSON of the images' objects; categories become attributes.",
            path=True,
        ),
        LIMIT,
    ),
    read=read_coco,
    media=True,
    named_by="annotations",
)
