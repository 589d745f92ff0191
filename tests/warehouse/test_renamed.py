"""A dimension method that had another name: rows are read, ids and questions mean the same."""

from __future__ import annotations

import pytest

from cmr.api.select import select
from cmr.identity import identity
from cmr.pipeline.embedding_sets import EmbeddingSet
from cmr.represent.dim_methods import METHODS, check_method, methods_for
from cmr.warehouse.catalogue_rows import read_row, seal
from cmr.warehouse.layout import catalogue_path
from cmr.warehouse.schemas import RUNS

KEYS = {"dataset": "lift", "model": "m", "modality": "text", "dim": 9, "precision": "fp32"}


def test_rows_of_an_earlier_version_have_the_present_name():
    row = {"run_id": "r", "dim_method": "lift", "dataset": "lift", "files": [], "dim": 9}
    path = catalogue_path(RUNS, "r")
    read = read_row(RUNS, path, seal(RUNS, "r", row))
    assert (read["dim_method"], read["dataset"]) == ("expand", "lift")


def test_the_id_of_a_set_is_what_it_was():
    """Nothing is scored anew; and a data set of that name keeps its own id."""
    settings = {"method": "expand", "precision": "fp32"}
    made = EmbeddingSet({**KEYS, "dim_method": "expand"}, settings, "h", 3, parent="p", seed=1)
    then = {"method": "lift", "precision": "fp32"}
    was = identity(**KEYS, dim_method="lift", settings=then, parent="p", seed=1)
    assert made.set_id == was
    called = EmbeddingSet({**KEYS, "dataset": "expand", "dim_method": "pca"}, then, "h", 3)
    assert called.set_id != EmbeddingSet({**KEYS, "dim_method": "pca"}, then, "h", 3).set_id


def test_the_earlier_name_is_understood():
    assert "lift" not in METHODS
    assert check_method("lift") == "expand"
    assert methods_for(9, [4], ["lift"]) == ["expand"]
    runs = [{"run_id": "a", "dim_method": "expand"}, {"run_id": "b", "dim_method": "pca"}]
    assert select(runs, "dim_method=lift") == runs[:1]
    with pytest.raises(Exception, match="no run matches"):
        select(runs[1:], "dim_method=lift")
