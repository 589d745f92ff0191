"""A small warehouse that tests of housekeeping damage and clear up."""

from __future__ import annotations

import os
import shutil
import time
from pathlib import Path

import numpy as np

import cmr as package
from tests.conftest import npz_arrays

# Sums of floats depend on their order in the last digits.
VALUES = """
    select run_id, measure, k, protocol, candidates, round(value, 9) as value
    from metrics order by all
"""
OLD = time.time() - 7200


def copied(once, folder):
    """A copy in a folder: two precisions, both directions, pools, and metrics that are kept."""
    return Path(shutil.copytree(once("housekeeping", _fill) / "w", folder / "w"))


def _fill(folder):
    np.savez(folder / "d.npz", **npz_arrays(dims=(16,)))
    wh = package.open(folder / "w", create=True)
    wh.ingest("npz", file=folder / "d.npz", dataset="d", model_name="m")
    wh.evaluate(dims=16, precisions="fp32,int8", candidates=20, protocols="full,sampled")
    wh.sql("from metrics")


def data_files(root, table):
    return sorted(
        path for path in (root / table).rglob("*.parquet") if not path.name.startswith("_")
    )


def plant(root, name, age=OLD, data=b"x"):
    path = root / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
    os.utime(path, (age, age))
    return path
