"""The result of a query, in the form the caller wants: Arrow, Polars, pandas, NumPy or rows."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from cmr.errors import CmrError

if TYPE_CHECKING:
    import pandas
    import polars


class Result:
    """Rows of a query as an Arrow table, converted to other forms on demand.

    Anything that reads Arrow's C stream accepts it directly: `polars.DataFrame(result)`,
    `pyarrow.table(result)`, a DuckDB connection's `register`.
    """

    def __init__(self, table: pa.Table) -> None:
        """Hold a table."""
        self._table = table

    def arrow(self) -> pa.Table:
        """The pyarrow table itself."""
        return self._table

    def pl(self) -> polars.DataFrame:
        """A Polars frame, without a copy where Arrow's layout is Polars' own."""
        import polars

        frame = polars.from_arrow(self._table)
        assert isinstance(frame, polars.DataFrame)
        return frame

    def df(self) -> pandas.DataFrame:
        """A pandas frame. Raises CmrError where pandas is not installed."""
        try:
            return self._table.to_pandas()
        except ModuleNotFoundError as error:
            raise CmrError(f"df() needs {error.name}: pip install {error.name}") from None

    def numpy(self) -> dict[str, npt.NDArray[Any]]:
        """{column: array}, as DuckDB's `fetchnumpy`.

        Numbers without NULL that came in one batch are not copied; with NULL they become float64
        with NaN. Decimals, such as SQL's sums of integers, become int64 or float64; vectors of one
        length a (rows, d) array; texts, lists and the like an array of Python objects.
        """
        return {name: _array(self._table[name]) for name in self._table.column_names}

    def fetchall(self) -> list[tuple[Any, ...]]:
        """Every row as a tuple of Python values."""
        columns = [column.to_pylist() for column in self._table.columns]
        return list(zip(*columns, strict=True))

    def fetchone(self) -> tuple[Any, ...] | None:
        """The first row, or None."""
        rows = Result(self._table.slice(0, 1)).fetchall()
        return rows[0] if rows else None

    def dicts(self) -> list[dict[str, Any]]:
        """Every row as {column: value}."""
        rows: list[dict[str, Any]] = self._table.to_pylist()
        return rows

    @property
    def columns(self) -> list[str]:
        """Names of the columns."""
        names: list[str] = self._table.column_names
        return names

    def __len__(self) -> int:
        return int(self._table.num_rows)

    def __iter__(self) -> Iterator[tuple[Any, ...]]:
        return iter(self.fetchall())

    def __arrow_c_stream__(self, requested_schema: object | None = None) -> object:
        return self._table.__arrow_c_stream__(requested_schema)

    def __repr__(self) -> str:
        return repr(self.pl())

    def _repr_html_(self) -> str:
        """The table that a notebook shows; Polars escapes the cells."""
        return str(self.pl()._repr_html_())


def _array(column: pa.ChunkedArray) -> npt.NDArray[Any]:
    kind = column.type
    if pa.types.is_decimal(kind):
        whole = kind.scale == 0 and _fits(column)
        column = column.cast(pa.int64() if whole else pa.float64())
    if pa.types.is_fixed_size_list(kind) and not column.null_count:
        one = column.combine_chunks()
        flat = one.flatten().to_numpy(zero_copy_only=False)
        return np.asarray(flat).reshape(len(one), kind.list_size)
    if column.num_chunks == 1:
        return np.asarray(column.chunk(0).to_numpy(zero_copy_only=False))
    return np.asarray(column.to_numpy())


def _fits(column: pa.ChunkedArray) -> bool:
    """Whether every value of a decimal column fits an int64."""
    try:
        column.cast(pa.int64())
    except pa.ArrowInvalid:
        return False
    return True
