"""The published layout: `text_<d>`, `video_<d>` and `ground_truth` in one .npz file."""

from __future__ import annotations

import zipfile
from collections.abc import Iterable
from typing import Any

import numpy as np

from cmr.errors import CmrError
from cmr.export.exported_vectors import Array, floats, items, judgments, set_ids, sides, write_npy
from cmr.export.format import Asked, Format, SetPair, Stream
from cmr.precision import precision_of
from cmr.rows import Row
from cmr.warehouse.schemas import TEXT
from cmr.warehouse.store import Store

_KEYS = {"text": "text", "visual": "video"}
_STEP = 4_096


def write(asked: Asked, out: Stream) -> None:
    """Write every dimension's vectors, the ground truth, and the ids.

    Raises CmrError, naming a text, if a text has no relevant visual or several.
    """
    warehouse, first = asked.warehouse, asked.pairs[0]
    truth = _ground_truth(warehouse, first)
    total = sum(row["rows"] for pair in asked.pairs for _, row in sides(pair))
    with (
        zipfile.ZipFile(out, "w", zipfile.ZIP_STORED) as archive,
        asked.bar("vectors", total, "vectors") as advance,
    ):
        for pair in asked.pairs:
            for side, row in sides(pair):
                # Lists of floats are written as they are stored; everything else as float32.
                stored = precision_of(row["precision"])
                kind = np.dtype(stored.stored if stored.as_list else np.float32)
                shape = (row["rows"], row["dim"])
                name = f"{_KEYS[side]}_{row['dim']}"
                _member(archive, name, shape, kind, _counted(warehouse, row, advance))
        _member(archive, "ground_truth", truth.shape, truth.dtype, [truth])
        for side, row in sides(first):
            # Scripts look for keys that begin with text_ and video_, so these must not.
            _strings(archive, f"ids_{_KEYS[side]}", set_ids(warehouse, row).to_pylist())
        captions = items(warehouse, first, TEXT)["text"]
        if captions.null_count < len(captions):
            _strings(archive, "captions", [text or "" for text in captions.to_pylist()])


def _strings(archive: zipfile.ZipFile, name: str, values: list[str]) -> None:
    """Write an array of strings, each as wide as the longest, compressed and in parts.

    Raises CmrError for a string that ends in a zero character, which NumPy would drop.
    """
    odd = next((value for value in values if value.endswith("\0")), None)
    if odd is not None:
        raise CmrError(f"{name}: {odd!r} ends in a zero character, which no .npz can hold")
    kind = np.dtype(f"U{max(1, *map(len, values))}")
    parts = (np.array(values[a : a + _STEP], kind) for a in range(0, len(values), _STEP))
    _member(archive, name, (len(values),), kind, parts, zipfile.ZIP_DEFLATED)


def _counted(warehouse: Store, row: Row, advance: Any) -> Iterable[Array]:
    for block in floats(warehouse, row):
        yield block
        advance(len(block))


def _member(
    archive: zipfile.ZipFile,
    name: str,
    shape: tuple[int, ...],
    kind: np.dtype[Any],
    blocks: Iterable[Array],
    packed: int = zipfile.ZIP_STORED,
) -> None:
    # A fixed time, so that the same vectors give the same file.
    info = zipfile.ZipInfo(f"{name}.npy", (1980, 1, 1, 0, 0, 0))
    info.compress_type = packed
    with archive.open(info, "w", force_zip64=True) as member:
        write_npy(member, shape, kind, blocks)


def _ground_truth(warehouse: Store, pair: SetPair) -> Array:
    """(texts,) the visual row of each text."""
    judged = judgments(warehouse, pair)
    found = np.bincount(judged.text, minlength=pair.text["rows"])
    odd = np.flatnonzero(found != 1)
    if len(odd):
        name = set_ids(warehouse, pair.text)[int(odd[0])].as_py()
        raise CmrError(
            f"the .npz layout has one visual per text, but the text {name!r} has {found[odd[0]]} "
            f"relevant ones ({len(odd):,} such texts); cmr export fbin or hf keeps all judgments"
        )
    if len(np.unique(judged.relevance)) > 1:
        raise CmrError("the .npz layout has no grades of relevance; cmr export fbin or hf has")
    return judged.visual


FORMAT = Format(
    name="npz",
    summary="The published layout: text_<d>, video_<d>, ground_truth.",
    about="Every dimension that is stored, or those of --dim, at one precision: fp32 if it exists. "
    "Vectors are float32, those of fp16 float16; for codes, code times scale. ground_truth "
    "is the row of each text's visual. ids_text and ids_video hold the items' ids, captions the "
    "texts, empty where there is none. `cmr evaluate --dims 256 --precisions fp32` makes what is "
    "not stored yet.",
    examples=(
        "cmr export npz --dataset coco --out coco.npz",
        "cmr export npz --dim 256,512,1024 --precision fp16 --out coco.npz",
    ),
    needs="representations",
    into="stream",
    write=write,
    again="cmr ingest npz FILE",
)
