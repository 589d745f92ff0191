"""A Hugging Face data set: Parquet for each configuration, and a dataset card."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from cmr.export.exported_vectors import items, sides
from cmr.export.format import Asked, Format, SetPair
from cmr.export.mark import write_mark
from cmr.precision import precision_of
from cmr.represent.coded_sets import multiplied
from cmr.represent.precisions import decode, to_integers
from cmr.rows import Row
from cmr.score.asymmetric import as_compared
from cmr.sources.source import Parameter
from cmr.warehouse.schemas import QRELS, TEXT, VISUAL
from cmr.warehouse.store import Store
from cmr.warehouse.vectors import StoredVectors

SHARD = 500_000
_STEP = 8_192
_KEPT = ("item_id", "text", "uri", "split", "width", "height", "duration")
_CONFIGS = {TEXT: "texts", VISUAL: "visuals"}


def write(asked: Asked, out: Path) -> None:
    """Folders `texts`, `visuals`, `qrels` and `metrics` of Parquet, and README.md with its YAML."""
    pair, split = asked.pair, asked.options["split"]
    out.mkdir()
    total = sum(row["rows"] for _, row in sides(pair))
    with asked.bar("vectors", total, "vectors") as advance:
        for side, row in sides(pair):
            told = items(asked.warehouse, pair, side).select(_KEPT)
            told = told.drop_columns(
                [name for name in _KEPT if told[name].null_count == told.num_rows]
            )
            _shards(out / _CONFIGS[side], split, row, _with_vectors(asked, row, told, advance))
    qrels = _qrels(asked.warehouse, pair)
    tables = {"qrels": qrels, "metrics": _metrics(asked, pair)}
    for name, table in tables.items():
        (out / name).mkdir()
        pq.write_table(table, out / name / _file(split, 0, 1), compression="zstd")
    configs = [*_CONFIGS.values(), *tables]
    (out / "README.md").write_text(_card(asked, pair, configs, qrels.num_rows), encoding="utf-8")
    write_mark(asked, "hf", out)


def _with_vectors(asked: Asked, row: Row, told: pa.Table, advance: Any) -> Iterator[pa.Table]:
    """Items with their vectors: floats, or int8 codes with the scale."""
    stored = precision_of(multiplied(row))
    for first, block in as_compared(StoredVectors(asked.warehouse, row), row).blocks(_STEP):
        table = told.slice(first, len(block))
        values = to_integers(block) if stored.is_integer else decode(block)
        if stored.as_list:
            values = values.astype(stored.stored, copy=False)
        flat = pa.array(values.reshape(-1))
        vectors = pa.FixedSizeListArray.from_arrays(flat, row["dim"])
        table = table.append_column("embedding", vectors)
        if stored.is_integer:
            table = table.append_column("scale", pa.array(block.scales))
        yield table
        advance(len(block))


def _shards(folder: Path, split: str, row: Row, tables: Iterable[pa.Table]) -> None:
    """Write files of SHARD rows, the last one shorter; their names state how many there are."""
    folder.mkdir()
    number = max(1, -(-row["rows"] // SHARD))
    writer: pq.ParquetWriter | None = None
    shard, room = 0, 0
    try:
        for table in tables:
            while table.num_rows:
                if writer is None or not room:
                    if writer is not None:
                        writer.close()
                    path = folder / _file(split, shard, number)
                    writer = pq.ParquetWriter(path, table.schema, compression="zstd")
                    shard, room = shard + 1, SHARD
                part = table.slice(0, room)
                writer.write_table(part)
                table, room = table.slice(part.num_rows), room - part.num_rows
    finally:
        if writer is not None:
            writer.close()


def _file(split: str, shard: int, number: int) -> str:
    return f"{split}-{shard:05d}-of-{number:05d}.parquet"


def _qrels(warehouse: Store, pair: SetPair) -> pa.Table:
    from cmr.pipeline.judged_data import find_dataset

    return warehouse.read(find_dataset(warehouse, pair.text["dataset"]), QRELS)


def _metrics(asked: Asked, pair: SetPair) -> pa.Table:
    """The metrics of this representation; no rows if nothing was measured."""
    from cmr.answers import fetch, quoted
    from cmr.materialised import open_for
    from cmr.warehouse.current import current_runs

    ids = [
        row["run_id"]
        for row in current_runs(asked.warehouse)
        if (row["text_set"], row["visual_set"]) == (pair.text["set_id"], pair.visual["set_id"])
    ]
    con = open_for(asked.warehouse, "from metrics", ids, asked.bar)
    listed = ", ".join(map(quoted, ids)) or "NULL"
    return fetch(con, f"from metrics where run_id in ({listed}) order by all")


def _card(asked: Asked, pair: SetPair, configs: list[str], judgments: int) -> str:
    """README.md: the YAML header that the Hub and `datasets` read, and a text for people."""
    from huggingface_hub import DatasetCardData

    row, split = pair.text, asked.options["split"]
    data = DatasetCardData(
        pretty_name=f"{row['dataset']}: vectors of {row['model']}",
        license=asked.options["license"],
        language=asked.options["language"].split(","),
        task_categories=["sentence-similarity", "feature-extraction"],
        tags=["embeddings", "cross-modal-retrieval"],
        configs=[
            {
                "config_name": name,
                "data_files": [{"split": split, "path": f"{name}/*.parquet"}],
                **({"default": True} if name == configs[0] else {}),
            }
            for name in configs
        ],
    )
    settings = {name: row[name] for name in ("dataset", "model", "dim", "dim_method", "precision")}
    told = "\n".join(f"| {name} | {value} |" for name, value in settings.items())
    coded = (
        "`embedding` holds int8 codes; a vector is `embedding * scale`."
        if precision_of(multiplied(row)).is_integer
        else "`embedding` holds unit vectors; their dot product is the similarity."
    )
    if multiplied(row) != row["precision"]:
        coded = "`embedding` holds the decoded vectors; their dot product is the similarity."
    return f"""---
{data.to_yaml().strip()}
---

# {row["dataset"]}: vectors of {row["model"]}

{pair.text["rows"]:,} texts, {pair.visual["rows"]:,} visuals and {judgments:,} judgments,
exported by cmr.

| setting | value |
|---|---|
{told}

{coded} Settings that made them: `{json.dumps(json.loads(row["settings"]), ensure_ascii=False)}`.

- `texts`, `visuals`: one item per row with its id and vector, in gallery order.
- `qrels`: which items match: text_id, visual_id, relevance.
- `metrics`: what cmr measured with these vectors, with 95% intervals and chance.

```python
from datasets import load_dataset

texts = load_dataset("FOLDER", "texts", split="{split}").with_format("numpy")
```

Captions and pictures belong to the authors of the data set; its licence applies to them.
"""


FORMAT = Format(
    name="hf",
    summary="A Hugging Face data set: Parquet with a dataset card.",
    about="A folder with the configurations texts, visuals (items with their vectors), qrels and "
    "metrics, a folder of Parquet each, and README.md with the YAML header that the Hub and "
    "`datasets` read. For int8, int4 and b1, `embedding` holds the codes, beside their scale.",
    examples=(
        "cmr export hf --dataset coco --out coco-vectors/",
        "hf upload my/coco-vectors coco-vectors/ --repo-type dataset",
    ),
    needs="representation",
    into="folder",
    write=write,
    parameters=(
        Parameter("split", "Name of the split.", default="test"),
        Parameter("license", "Licence of the vectors, for the card.", default="unknown"),
        Parameter("language", "Languages of the captions, comma-separated.", default="en"),
    ),
    again="cmr ingest hf FOLDER --image-vectors embedding --text-vectors embedding",
)
