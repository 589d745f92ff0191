"""A side of BEIR's and MTEB's layout: the corpus, or the queries, in JSON lines or Parquet."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from cmr.errors import CmrError
from cmr.sources.attributes import further_columns, further_in_files
from cmr.sources.parquetbytes import columns_of, open_parquet
from cmr.sources.qrels import file_id
from cmr.sources.tables import known_column, read_table

IDS = ("_id", "id")
TEXTS = ("title", "text")
IMAGES = ("image", "image_path", "file_name", "filename")
CLIPS = ("video", "video_path", "clip")


@dataclass(frozen=True)
class MtebSide:
    """The corpus, or the queries. `files`: of the same columns, end to end."""

    what: str
    files: list[str]

    @cached_property
    def columns(self) -> Sequence[str]:
        """Names of the first file's columns."""
        path = self.files[0]
        return (
            open_parquet(path).schema_arrow.names if is_parquet(path) else read_table(path).columns
        )

    @cached_property
    def ids(self) -> list[str]:
        """The items' ids. Raises CmrError, naming the row, where there is none."""
        name = self._named(IDS)
        if name is None:
            raise CmrError(f"{self.files[0]} has neither _id nor id; it has {self._listed()}")
        return [file_id(self.where(row), value) for row, value in enumerate(self.cells(name))]

    @cached_property
    def medium(self) -> tuple[str, bool] | None:
        """The column of pictures or clips and whether they are clips; None if all are empty."""
        for known, clips in ((IMAGES, False), (CLIPS, True)):
            name = self._named(known)
            if name is not None and _holds(self.files[0], name):
                return name, clips
        return None

    def texts(self) -> list[str]:
        """Each item's title and text, as BEIR joins them; empty where there is none."""
        names = [name for one in TEXTS if (name := self._named((one,)))]
        if not any(name.casefold() == "text" for name in names):
            raise CmrError(f"{self.files[0]} has no column text; it has {self._listed()}")
        rows = zip(*(self.cells(name) for name in names), strict=True)
        return [" ".join(cell for cell in row if isinstance(cell, str)).strip() for row in rows]

    def further(self, used: Iterable[str]) -> dict[str, list[Any]]:
        """The cells of every column but ids and the `used` ones, of all files."""
        skip = (*IDS, *used)
        if all(map(is_parquet, self.files)):
            return further_in_files(self.files, skip)
        each = [further_columns(read_table(path), skip) for path in self.files]
        names = [name for name in each[0] if all(name in one for one in each)]
        return {name: [cell for one in each for cell in one[name]] for name in names}

    def cells(self, name: str) -> list[Any]:
        """A column's cells, of all files."""
        if all(map(is_parquet, self.files)):
            return columns_of(self.files, [name])[name]
        return [cell for path in self.files for cell in read_table(path).column(name)]

    def where(self, row: int) -> str:
        """A row, for messages."""
        return f"{self.what}: row {row}"

    def _named(self, known: Sequence[str]) -> str | None:
        return known_column(self.columns, known)

    def _listed(self) -> str:
        return ", ".join(self.columns) or "no column"


def is_parquet(path: str) -> bool:
    """Whether a file is Parquet, by its name."""
    return path.lower().endswith(".parquet")


def _holds(path: str, column: str) -> bool:
    """Whether a column has something in the first rows: MTEB's other modalities are all NULL."""
    if not is_parquet(path):
        return any(cell is not None for cell in read_table(path).column(column))
    file = open_parquet(path)
    groups: Iterable[int] = range(min(1, file.num_row_groups))
    return any(len(c) > c.null_count for g in groups for c in file.read_row_group(g, [column]))
