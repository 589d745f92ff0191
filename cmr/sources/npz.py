"""The published layout: `text_<d>`, `video_<d>` and `ground_truth` in one .npz file."""

from __future__ import annotations

import re
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from cmr.errors import CmrError
from cmr.sources.collection import TEXT, VISUAL, Collection, Item, Judgment
from cmr.sources.labels import (
    IDS,
    OPTIONS,
    as_captions,
    as_ids,
    labelled,
    listed,
    read_captions,
    read_ids,
)
from cmr.sources.npyfile import HEADERS, at_most_float64
from cmr.sources.pairs import CAPTIONS
from cmr.sources.parquetbytes import refuse_twins
from cmr.sources.source import Parameter, Source
from cmr.sources.user_files import no_file

_KEY = re.compile(r"(text|video)_([1-9][0-9]*)")
_SIDES = {"text": TEXT, "video": VISUAL}
# In addition to the published layout: the items' ids and the texts' captions.
_IDS = {TEXT: "ids_text", VISUAL: "ids_video"}
_CAPTIONS = "captions"

Array = npt.NDArray[Any]


def read_npz(
    file: str,
    text_ids: str | None = None,
    visual_ids: str | None = None,
    captions: str | None = None,
) -> Collection:
    """Read `text_<d>` (N, d), `video_<d>` (M, d) and `ground_truth` (N,) for every d in the file.

    `ground_truth[i]` is the row of text i's visual. Several texts may share one; a visual without a
    text stays in the gallery. Item ids are `ids_text` (N,) and `ids_video` (M,) if the file has
    them, else row numbers; `captions` (N,) are the texts. The parameters name files as in
    `cmr.sources.labels`, which take precedence.

    Raises CmrError naming the file and the key at fault. Nothing is unpickled.
    """
    path = file
    arrays = _load(path)
    vectors: dict[tuple[str, int], Array] = {}
    for key, array in arrays.items():
        match = _KEY.fullmatch(key)
        if match:
            dim = int(match[2])
            _check_vectors(path, key, array, dim)
            vectors[_SIDES[match[1]], dim] = at_most_float64(array)
    dims = {dim for _, dim in vectors}
    lacking = [
        f"{name}_{dim}"
        for dim in sorted(dims)
        for name, side in _SIDES.items()
        if (side, dim) not in vectors
    ]
    if lacking or not dims:
        need = ", ".join(lacking) or "text_<d> and video_<d>"
        raise CmrError(f"{path} lacks {need}; it has {', '.join(sorted(arrays)) or 'nothing'}")
    texts = _rows(path, vectors, TEXT)
    visuals = _rows(path, vectors, VISUAL)
    truth = _ground_truth(path, arrays, texts, visuals)
    ids = {
        side: read_ids(given, side, rows) if given else _ids(path, arrays, side, rows)
        for side, given, rows in ((TEXT, text_ids, texts), (VISUAL, visual_ids, visuals))
    }
    told = read_captions(captions, texts) if captions else _captions(path, arrays, texts)
    given_files = {"text_ids": text_ids, "visual_ids": visual_ids, "captions": captions}
    return Collection(
        source="npz",
        texts=labelled(
            [Item(name, text=caption) for name, caption in zip(ids[TEXT], told, strict=True)],
            (text_ids, IDS[TEXT]),
            (captions, CAPTIONS),
        ),
        visuals=labelled([Item(name) for name in ids[VISUAL]], (visual_ids, IDS[VISUAL])),
        judgments=[
            Judgment(ids[TEXT][row], ids[VISUAL][visual])
            for row, visual in enumerate(truth.tolist())
        ],
        settings={
            "file": Path(path).name,
            **{name: Path(given).name for name, given in given_files.items() if given},
        },
        vectors=vectors,
    )


def _ids(path: str, arrays: dict[str, Array], side: str, rows: int) -> list[str]:
    key = _IDS[side]
    if key not in arrays:
        return [str(row) for row in range(rows)]
    where = f"{path}: {key}"
    return as_ids(listed(arrays[key], where), where, side, rows)


def _captions(path: str, arrays: dict[str, Array], rows: int) -> list[str | None]:
    if _CAPTIONS not in arrays:
        return [None] * rows
    where = f"{path}: {_CAPTIONS}"
    return as_captions(listed(arrays[_CAPTIONS], where), where, rows)


def _load(path: str) -> dict[str, Array]:
    if not Path(path).is_file():
        raise no_file(path)
    if not zipfile.is_zipfile(path):
        raise CmrError(f"{path} is not a readable .npz file: it is not a zip archive")
    try:
        with np.load(path, allow_pickle=False) as archive:
            wanted = [key for key in archive.files if _wanted(key)]
            refuse_twins(path, "arrays", archive.files, wanted)
            found = {key: archive[key] for key in wanted}
    except ValueError as error:
        if "allow_pickle" in str(error):
            raise CmrError(
                f"{path} holds pickled objects, which are never loaded; save plain numeric arrays"
            ) from None
        raise CmrError(f"{path} is not a readable .npz file: {error}") from None
    except (zipfile.BadZipFile, EOFError, OSError, KeyError, *HEADERS) as error:
        raise CmrError(f"{path} is not a readable .npz file: {error}") from None
    for key, array in found.items():
        # For a member that does not begin like an array, NumPy returns its bytes.
        if not isinstance(array, np.ndarray):
            raise CmrError(f"{path} is not a readable .npz file: {key} is not an array")
    return found


def _wanted(key: str) -> bool:
    return key in ("ground_truth", _CAPTIONS, *_IDS.values()) or _KEY.fullmatch(key) is not None


def _check_vectors(path: str, key: str, array: Array, dim: int) -> None:
    if array.ndim != 2 or array.shape[1] != dim:
        raise CmrError(f"{path}: {key} has shape {array.shape}, expected (rows, {dim})")
    if array.dtype.kind != "f":
        raise CmrError(f"{path}: {key} has type {array.dtype}, expected floating point")
    if not len(array):
        raise CmrError(f"{path}: {key} has no rows")


def _rows(path: str, vectors: dict[tuple[str, int], Array], side: str) -> int:
    counts = {dim: len(array) for (which, dim), array in vectors.items() if which == side}
    if len(set(counts.values())) > 1:
        raise CmrError(f"{path}: the {side} arrays differ in rows by dimension: {counts}")
    return next(iter(counts.values()))


def _ground_truth(path: str, arrays: dict[str, Array], texts: int, visuals: int) -> Array:
    if "ground_truth" not in arrays:
        raise CmrError(f"{path} lacks ground_truth, one visual row per text")
    truth = arrays["ground_truth"]
    if truth.dtype.kind not in "iu":
        raise CmrError(f"{path}: ground_truth has type {truth.dtype}, expected integers")
    if truth.shape != (texts,):
        raise CmrError(f"{path}: ground_truth has shape {truth.shape}, expected ({texts},)")
    outside = np.flatnonzero((truth < 0) | (truth >= visuals))
    if len(outside):
        row = int(outside[0])
        raise CmrError(
            f"{path}: ground_truth[{row}] is {truth[row]}, outside the {visuals} rows of video"
        )
    return truth


SOURCE = Source(
    name="npz",
    summary="Vectors in the published layout, one .npz file.",
    about="FILE holds text_<d> (N, d), video_<d> (M, d) for every dimension d given, and "
    "ground_truth (N,): the row of each text's visual. Several texts may share a visual; visuals "
    "without a text stay in the gallery. ids_text (N,) and ids_video (M,) are the items' ids and "
    "captions (N,) the texts where FILE has them, as cmr export npz writes them.",
    examples=(
        "cmr ingest npz msrvtt.npz --dataset msrvtt",
        "cmr ingest npz coco.npz --text-ids caption_ids.txt --visual-ids image_ids.txt",
    ),
    parameters=(Parameter("file", argument=True, required=True, path=True), *OPTIONS),
    read=read_npz,
    media=False,
    named_by="file",
)
