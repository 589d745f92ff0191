"""ranx's Parquet files of a run and of its judgments."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from cmr.export.format import Asked, Format
from cmr.export.lists import TOP, judged_pairs, top_lists
from cmr.export.mark import write_mark

_RUN = pa.schema([("q_id", pa.string()), ("doc_id", pa.string()), ("score", pa.float64())])
_QRELS = pa.schema([("q_id", pa.string()), ("doc_id", pa.string()), ("score", pa.int64())])


def write(asked: Asked, out: Path) -> None:
    """Write a folder with `qrels.parquet` and `run.parquet`."""
    out.mkdir()
    with pq.ParquetWriter(out / "qrels.parquet", _QRELS, compression="zstd") as writer:
        for queries, found, relevance in judged_pairs(asked):
            columns = [queries, found, pa.array(relevance.astype(np.int64))]
            writer.write_table(pa.Table.from_arrays(columns, schema=_QRELS))
    with pq.ParquetWriter(out / "run.parquet", _RUN, compression="zstd") as writer:
        for part in top_lists(asked):
            length = part.scores.shape[1]
            columns = [
                part.queries.take(pa.array(np.repeat(np.arange(len(part.queries)), length))),
                pa.concat_arrays(part.items),
                pa.array(part.scores.reshape(-1).astype(np.float64)),
            ]
            writer.write_table(pa.Table.from_arrays(columns, schema=_RUN))
    write_mark(asked, "ranx", out)


FORMAT = Format(
    name="ranx",
    summary="Parquet of a run and its judgments, for ranx.",
    about="A folder with run.parquet and qrels.parquet (q_id, doc_id, score), for "
    "ranx.Run.from_parquet and ranx.Qrels.from_parquet. The lists are those of cmr export trec.",
    examples=("cmr export ranx --dim 512 --precision int8 --direction t2v --out ranx/",),
    needs="run",
    into="folder",
    write=write,
    parameters=(TOP,),
    again="cmr ingest qrels FOLDER/qrels.parquet",
)
