"""Ways in which a file of a warehouse may come to be something else."""

from __future__ import annotations

import random
from collections.abc import Callable
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

Damage = Callable[[Path, Path, random.Random], Path]


def truncate(path: Path, other: Path, rng: random.Random) -> Path:
    data = path.read_bytes()
    path.write_bytes(data[: rng.randrange(1, len(data))])
    return path


def empty(path: Path, other: Path, rng: random.Random) -> Path:
    path.write_bytes(b"")
    return path


def flip(path: Path, other: Path, rng: random.Random) -> Path:
    """One bit, anywhere."""
    data = bytearray(path.read_bytes())
    data[rng.randrange(len(data))] ^= 1 << rng.randrange(8)
    path.write_bytes(data)
    return path


def delete(path: Path, other: Path, rng: random.Random) -> Path:
    path.unlink()
    return path


def swap(path: Path, other: Path, rng: random.Random) -> Path:
    """The content of another file of the same table, under this one's name."""
    path.write_bytes(other.read_bytes())
    return path


def rename(path: Path, other: Path, rng: random.Random) -> Path:
    return path.rename(path.with_name("0123456789abcdef.parquet"))


def rows_gone(path: Path, other: Path, rng: random.Random) -> Path:
    """Sound Parquet, with no rows."""
    pq.write_table(pq.ParquetFile(path).read().slice(0, 0), path)
    return path


def newer(path: Path, other: Path, rng: random.Random) -> Path:
    """As a later version might write it: a column more."""
    table = pq.ParquetFile(path).read()
    pq.write_table(table.append_column("later", pa.nulls(table.num_rows, pa.int64())), path)
    return path


def older(path: Path, other: Path, rng: random.Random) -> Path:
    """As an earlier version might have written it: a row without checksums, a column fewer."""
    table = pq.ParquetFile(path).read()
    sums = [name for name in ("checksums", "footers", "row_checksum") if name in table.column_names]
    pq.write_table(table.drop_columns(sums or table.column_names[-1:]), path)
    return path


def foreign(path: Path, other: Path, rng: random.Random) -> Path:
    """Somebody else's Parquet."""
    pq.write_table(pa.table({"x": [1, 2, 3]}), path)
    return path


def altered(path: Path, other: Path, rng: random.Random) -> Path:
    """Sound Parquet with page checksums, in which one number is another."""
    table = pq.ParquetFile(path).read()
    numbers = [n for n, field in enumerate(table.schema) if pa.types.is_integer(field.type)]
    if numbers and table.num_rows:
        at = rng.choice(numbers)
        values = table.column(at).to_pylist()
        row = rng.randrange(len(values))
        values[row] = 1 if values[row] is None else max(0, values[row] + rng.choice((-1, 1, 2)))
        table = table.set_column(
            at, table.schema.field(at), pa.array(values, table.schema.field(at).type)
        )
    pq.write_table(table, path, write_page_checksum=True)
    return path


DAMAGES: tuple[Damage, ...] = (
    truncate, empty, flip, delete, swap, rename, rows_gone, older, newer, foreign, altered,
)  # fmt: skip
