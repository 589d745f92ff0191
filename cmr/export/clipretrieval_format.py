"""clip-retrieval's folders: shards of image and text vectors, aligned by row."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from cmr.export.exported_vectors import Array, Judgments, floats, items, judgments, write_npy
from cmr.export.format import Asked, Format
from cmr.export.mark import write_mark
from cmr.rows import Row
from cmr.sources.source import Parameter
from cmr.warehouse.schemas import TEXT, VISUAL
from cmr.warehouse.store import Store

SHARD = 1_000_000
_STEP = 65_536


def write(asked: Asked, out: Path) -> None:
    """Write one row per matching pair; a visual's vector is repeated for each of its texts."""
    warehouse, pair = asked.warehouse, asked.pair
    kind = np.dtype(asked.options["dtype"])
    out.mkdir()
    scratch = out / ".scratch"
    scratch.mkdir()
    judged = judgments(warehouse, pair)
    texts = _on_disk(warehouse, pair.text, scratch / "text.npy", kind)
    visuals = _on_disk(warehouse, pair.visual, scratch / "visual.npy", kind)
    _say_left_out(asked, judged.text, judged.visual)
    told = {side: items(warehouse, pair, side) for side in (TEXT, VISUAL)}
    for name in ("img_emb", "text_emb", "metadata"):
        (out / name).mkdir()
    with asked.bar("pairs", len(judged.text), "pairs") as advance:
        starts = range(0, len(judged.text), SHARD)
        # Padded as clip-retrieval does, so that names sort numerically.
        width = len(str(len(starts)))
        for number, start in enumerate(starts):
            shard = f"{number:0{width}d}"
            part = slice(start, start + SHARD)
            sides = ((TEXT, texts, judged.text[part]), (VISUAL, visuals, judged.visual[part]))
            for side, vectors, rows in sides:
                name = {TEXT: "text_emb", VISUAL: "img_emb"}[side]
                with (out / name / f"{name}_{shard}.npy").open("wb") as stream:
                    steps = range(0, len(rows), _STEP)
                    blocks = (np.asarray(vectors[rows[a : a + _STEP]]) for a in steps)
                    write_npy(stream, (len(rows), vectors.shape[1]), kind, blocks)
            metadata = _metadata(told, judged, part)
            path = out / "metadata" / f"metadata_{shard}.parquet"
            pq.write_table(metadata, path, compression="zstd")
            advance(len(judged.text[part]))
    del texts, visuals
    for path in scratch.iterdir():
        path.unlink()
    scratch.rmdir()
    write_mark(asked, "clip-retrieval", out)


def _on_disk(warehouse: Store, row: Row, path: Path, kind: np.dtype) -> Array:
    """A set's vectors in a memory-mapped file, because pairs come in any order."""
    with path.open("wb") as stream:
        write_npy(stream, (row["rows"], row["dim"]), kind, floats(warehouse, row))
    return np.asarray(np.load(path, mmap_mode="r")).view(np.memmap)


def _metadata(told: dict[str, pa.Table], judged: Judgments, part: slice) -> pa.Table:
    text = told[TEXT].take(pa.array(judged.text[part]))
    visual = told[VISUAL].take(pa.array(judged.visual[part]))
    return pa.table(
        {
            "image_path": visual["item_id"],
            "caption": text["text"],
            "text_id": text["item_id"],
            "visual_id": visual["item_id"],
            "uri": visual["uri"],
            "width": visual["width"],
            "height": visual["height"],
            "relevance": pa.array(judged.relevance[part]),
        }
    )


def _say_left_out(asked: Asked, texts: Array, visuals: Array) -> None:
    """Report the unmatched items that the layout has no place for."""
    for what, row, rows in (
        ("texts", asked.pair.text, texts), ("visuals", asked.pair.visual, visuals),
    ):  # fmt: skip
        lone = row["rows"] - len(np.unique(rows))
        if lone:
            asked.say(f"{lone:,} {what} have no partner and are left out: a row is a pair")


FORMAT = Format(
    name="clip-retrieval",
    summary="clip-retrieval's folders of vectors.",
    about="img_emb/img_emb_0.npy, text_emb/text_emb_0.npy (float16 as clip-retrieval writes, or "
    "--dtype float32) and metadata/metadata_0.parquet, aligned by row, a million rows per shard. A "
    "row is a text with its visual; image_path is the visual's id. Items without a partner are "
    "left out and counted.",
    examples=("cmr export clip-retrieval --dataset coco --out embeddings/",),
    needs="representation",
    into="folder",
    write=write,
    parameters=(
        Parameter(
            "dtype", "Type of the vectors.", default="float16", choices=("float16", "float32")
        ),
    ),
    again="cmr ingest clip-retrieval FOLDER",
)
