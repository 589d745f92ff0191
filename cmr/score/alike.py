"""Pairs with the same counts, and clusters of queries with the same pairs.

A measure's value depends only on counts, so it is computed once for each distinct case; and its sum
over a cluster only on the cluster's cases, so it is summed once for clusters that are alike.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

Int64 = npt.NDArray[np.int64]
Column = npt.NDArray[np.integer[Any]]
# Products up to it fit in int64.
MOST = 2**62


@dataclass(frozen=True)
class Alike:
    """Columns of rows of pairs, (rows,) each.

    `case_no`: the number of a pair's case, from 0. `case_pairs`: how many pairs have the same case,
    on the first of them; 0 on the others. `clusters`: how many clusters have the same cases equally
    often, on the pairs of the first of them; 0 on the others'. The first pair of every case is in a
    cluster that is the first of its like.
    """

    case_no: Int64
    case_pairs: Int64
    clusters: Int64

    def __getitem__(self, rows: slice) -> Alike:
        return Alike(self.case_no[rows], self.case_pairs[rows], self.clusters[rows])


def find_alike(cluster: Int64, columns: Iterable[Column]) -> Alike:
    """Number the pairs' cases, and count the clusters that are alike.

    `cluster`: (rows,) the cluster of each pair. `columns`: (rows,) each, what a case is made of.
    """
    row = _numbers(columns, len(cluster))
    order = np.lexsort((row, cluster))
    start = np.flatnonzero(np.diff(cluster[order], prepend=cluster[order[:1]] - 1))
    length = np.diff(start, append=len(order))
    case, pairs = _counted(pa.array(row[order]))
    _, clusters = _counted(_slices(case, start))
    found = (case, pairs, clusters.repeat(length))
    return Alike(*(_placed(one, order) for one in found))


def _placed(values: Int64, order: Int64) -> Int64:
    result = np.empty(len(order), dtype=np.int64)
    result[order] = values
    return result


def _counted(values: pa.Array) -> tuple[Int64, Int64]:
    """(n,) a number for each value by where it is first, and how many there are; 0 after that."""
    number = values.dictionary_encode().indices.to_numpy().astype(np.int64)
    many = np.zeros(len(number), dtype=np.int64)
    first = np.flatnonzero(np.diff(np.maximum.accumulate(number), prepend=-1))
    many[first] = np.bincount(number)
    return number, many


def _slices(case: Int64, start: Int64) -> pa.Array:
    """(clusters,) the cases from each `start` to the next, as bytes."""
    ends = np.append(start, len(case)) * case.itemsize
    buffers = [None, pa.py_buffer(ends), pa.py_buffer(case)]
    return pa.LargeBinaryArray.from_buffers(pa.large_binary(), len(start), buffers)


def _numbers(columns: Iterable[Column], rows: int) -> Int64:
    """(rows,) a number for each row, the same for rows that are equal in every column."""
    number, many = np.zeros(rows, dtype=np.int64), 1
    if not rows:
        return number
    for column in columns:
        low, high = int(column.min()), int(column.max())
        if many * (high - low + 1) > MOST:
            number, column = (np.unique(one, return_inverse=True)[1] for one in (number, column))
            many, low, high = rows, 0, rows - 1
        if high > low:
            number = number * (high - low + 1) + (column.astype(np.int64) - low)
            many *= high - low + 1
    return number
