"""clip-retrieval folders: shards of image and text vectors, aligned by row."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from cmr.errors import CmrError
from cmr.sources.collection import TEXT, VISUAL, Collection, Item, Judgment
from cmr.sources.npyfile import load_npy
from cmr.sources.source import Parameter, Source

Array = npt.NDArray[Any]
_SHARD = re.compile(r".*?(\d+)\.npy")


def read_clip_retrieval(folder: str) -> Collection:
    """Read `img_emb/img_emb_{i}.npy`, `text_emb/…` likewise, `metadata/metadata_{i}.parquet`.

    Row r of every side belongs to the same pair. Rows of one `image_path` are one visual with
    several captions: the first row's vector counts. Without metadata every row is a pair of its
    own. Raises CmrError naming the file at fault.
    """
    root = Path(folder)
    if not root.is_dir():
        raise CmrError(f"there is no folder {folder}")
    images, texts = _shards(root, "img_emb"), _shards(root, "text_emb")
    if set(images) != set(texts):
        odd = min(set(images) ^ set(texts))
        raise CmrError(f"{folder}: shard {odd} is not in both img_emb and text_emb")
    sides: dict[str, list[Array]] = {TEXT: [], VISUAL: []}
    paths: list[str | None] = []
    captions: list[str | None] = []
    for number in sorted(images):
        visual, text = load_npy(str(images[number])), load_npy(str(texts[number]))
        if len(visual) != len(text):
            raise CmrError(
                f"{folder}: shard {number} has {len(visual)} image and {len(text)} text vectors"
            )
        names, told = _metadata(root / "metadata" / f"metadata_{number}.parquet", len(text))
        paths += names
        captions += told
        sides[VISUAL].append(visual)
        sides[TEXT].append(text)
    return _collection(folder, sides, paths, captions)


def _collection(
    folder: str,
    sides: dict[str, list[Array]],
    paths: list[str | None],
    captions: list[str | None],
) -> Collection:
    widths = {side: {array.shape[1] for array in arrays} for side, arrays in sides.items()}
    if widths[TEXT] != widths[VISUAL] or len(widths[TEXT]) != 1:
        raise CmrError(f"{folder}: the vectors have dimensions {widths}, expected one")
    text, visual = (np.concatenate(sides[side]) for side in (TEXT, VISUAL))
    first: dict[str, int] = {}
    judgments = []
    for row, path in enumerate(paths):
        name = str(row) if path is None else path
        first.setdefault(name, row)
        judgments.append(Judgment(str(row), name))
    dim = text.shape[1]
    return Collection(
        source="clip-retrieval",
        texts=[Item(str(row), text=caption) for row, caption in enumerate(captions)],
        visuals=[
            Item(name, uri=None if paths[row] is None else name) for name, row in first.items()
        ],
        judgments=judgments,
        settings={"folder": Path(folder).name},
        vectors={(TEXT, dim): text, (VISUAL, dim): visual[list(first.values())]},
    )


def _shards(root: Path, side: str) -> dict[int, Path]:
    found = {}
    for path in sorted((root / side).glob(f"{side}_*.npy")):
        match = _SHARD.fullmatch(path.name)
        if match:
            found[int(match[1])] = path
    if not found:
        raise CmrError(f"{root} has no {side}/{side}_0.npy of clip-retrieval's layout")
    return found


def _metadata(path: Path, rows: int) -> tuple[list[str | None], list[str | None]]:
    """image_path and caption of every row; None where there is no metadata."""
    if not path.is_file():
        return [None] * rows, [None] * rows
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        table = pq.ParquetFile(path).read()
    except (pa.ArrowException, OSError) as error:
        raise CmrError(f"{path} is not a readable Parquet file: {error}") from None
    if table.num_rows != rows:
        raise CmrError(f"{path} has {table.num_rows} rows, its vectors {rows}")
    columns = []
    for name in ("image_path", "caption"):
        found = table[name].to_pylist() if name in table.column_names else [None] * rows
        columns.append([None if value is None else str(value) for value in found])
    return columns[0], columns[1]


SOURCE = Source(
    name="clip-retrieval",
    summary="clip-retrieval's folders of vectors.",
    about="FOLDER holds img_emb/img_emb_0.npy, text_emb/text_emb_0.npy and, where it has them, "
    "metadata/metadata_0.parquet, aligned by row, in any number of shards.",
    examples=("cmr ingest clip-retrieval embeddings/ --model-name ViT-B-32",),
    parameters=(Parameter("folder", argument=True, required=True, path=True),),
    read=read_clip_retrieval,
    media=False,
    named_by="folder",
)
