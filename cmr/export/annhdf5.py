"""ann-benchmarks' HDF5: `train`, `test`, and the exact `neighbors` with `distances`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from cmr.errors import CmrError
from cmr.export.exported_vectors import DIRECTION, floats, searched, set_ids
from cmr.export.format import Asked, Format
from cmr.export.neighbours import at_most, nearest
from cmr.precision import FP32
from cmr.rows import Row
from cmr.sources.source import Parameter


def write(asked: Asked, out: Path) -> None:
    """The gallery as `train`, the queries as `test`; angular distance, 1 - cosine.

    Raises CmrError for integer precisions: without its scale a code is a different vector.
    """
    import h5py

    queries, gallery = searched(asked)
    if gallery["precision"] != FP32:
        raise CmrError(
            f"ann-benchmarks computes distances of float32 vectors, but {gallery['precision']} is "
            "scored differently; give --precision fp32, or use cmr export fbin"
        )
    depth = at_most(asked, gallery)
    total = gallery["rows"] + 2 * queries["rows"]
    with h5py.File(out, "w") as file, asked.bar("vectors", total, "vectors") as advance:
        attributes = {
            "type": "dense",
            "distance": "angular",
            "dimension": gallery["dim"],
            "point_type": "float",
        }
        for name, value in attributes.items():
            file.attrs[name] = value
        _vectors(asked, file, "train", gallery, advance)
        _vectors(asked, file, "test", queries, advance)
        shape = (queries["rows"], depth)
        neighbors = file.create_dataset("neighbors", shape, np.int32)
        distances = file.create_dataset("distances", shape, np.float32)
        for first, (found, scores) in nearest(asked.warehouse, queries, gallery, depth):
            neighbors[first : first + len(found)] = found
            distances[first : first + len(found)] = 1 - scores
            advance(len(found))
        for name, row in (("train_ids", gallery), ("test_ids", queries)):
            ids = set_ids(asked.warehouse, row).to_pylist()
            file.create_dataset(name, data=ids, dtype=h5py.string_dtype())


def _vectors(asked: Asked, file: Any, name: str, row: Row, advance: Any) -> None:
    data = file.create_dataset(name, (row["rows"], row["dim"]), np.float32)
    first = 0
    for block in floats(asked.warehouse, row):
        data[first : first + len(block)] = block
        first += len(block)
        advance(len(block))


FORMAT = Format(
    name="ann-hdf5",
    summary="HDF5 of ann-benchmarks: train, test, neighbors, distances.",
    about="The gallery is train, the queries are test: --direction t2v searches visuals by texts, "
    "so the queries come from another distribution than the gallery. neighbors are exact, by "
    "angular distance (1 - cosine). train_ids and test_ids hold the items' ids. fp32 only: cmr "
    "export fbin writes codes.",
    examples=("cmr export ann-hdf5 --dataset coco --direction t2v --out coco-512-angular.hdf5",),
    needs="representation",
    into="file",
    write=write,
    parameters=(
        DIRECTION,
        Parameter("top", "Neighbours per query; 0 for the whole gallery.", kind=int, default=100),
    ),
)
