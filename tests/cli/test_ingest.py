"""`cmr ingest`: the sources it lists, and one that another package registers."""

from __future__ import annotations

from importlib.metadata import EntryPoint

import pytest

from cmr.api.ingestion import ingest_source
from cmr.errors import CmrError
from cmr.sources import source_kinds
from cmr.sources.collection import Collection, Item, Judgment
from cmr.sources.source import Parameter, Source
from cmr.warehouse.schemas import DATASETS
from cmr.warehouse.store import Store


def read_twins(count):
    import numpy as np

    vectors = np.eye(count, 8, dtype=np.float32)
    return Collection(
        "twins",
        [Item(f"t{n}", text=f"number {n}") for n in range(count)],
        [Item(f"v{n}") for n in range(count)],
        [Judgment(f"t{n}", f"v{n}") for n in range(count)],
        {"count": count},
        vectors={("text", 8): vectors, ("visual", 8): vectors},
    )


TWINS = Source(
    name="twins",
    summary="Equal vectors on both sides.",
    about="For a test.",
    examples=("cmr ingest twins --count 8",),
    parameters=(Parameter("count", "How many.", kind=int, default=8),),
    read=read_twins,
    media=False,
)


@pytest.fixture
def plugins(monkeypatch):
    points = {
        "twins": EntryPoint("twins", f"{__name__}:TWINS", source_kinds.GROUP),
        "broken": EntryPoint("broken", "no_such_package:SOURCE", source_kinds.GROUP),
    }
    monkeypatch.setattr(source_kinds, "_others", lambda: points)


def test_help_lists_every_source_with_an_example(cmr, plugins):
    shown = cmr("ingest", "--help").stdout
    for name in source_kinds.OWN:
        assert f"cmr ingest {name}" in shown
    assert "cmr ingest twins --count 8" in shown
    assert "'broken' (no_such_package:SOURCE) does not load" in shown


@pytest.mark.parametrize("name", source_kinds.OWN)
def test_every_source_has_help(cmr, name):
    shown = cmr("ingest", name, "--help").stdout
    assert f"cmr ingest {name}" in shown
    assert "--dataset" in shown


def test_a_source_of_another_package(cmr, plugins, tmp_path):
    cmr("ingest", "twins", "-w", tmp_path / "w", "--count", "6")
    (row,) = Store.open(str(tmp_path / "w")).catalogue(DATASETS)
    assert (row["dataset"], row["source"], row["texts"]) == ("twins", "twins", 6)
    refused = cmr("ingest", "broken", "-w", tmp_path / "w", code=1)
    assert refused.stderr.count("\n") == 1
    assert "does not load" in refused.stderr


def test_pictures_need_a_model(cmr, tmp_path):
    """No toy encodes real pictures unasked; nothing is read before that is said."""
    for name in source_kinds.names():
        source = source_kinds.get(name)
        if not source.media or source.own_model:
            continue
        asked = {one.name: "nowhere" for one in source.parameters if one.required}
        with pytest.raises(CmrError, match=f"the source '{name}' needs --model, .*ViT-B-32 .* toy"):
            ingest_source(str(tmp_path / "w"), name, **asked)
        assert "[required" in cmr("ingest", name, "--help").stdout
    vectors = {"image_vectors": "v", "text_vectors": "t"}
    with pytest.raises(CmrError, match="has no Parquet file"):
        ingest_source(str(tmp_path / "w"), "hf", folder=str(tmp_path), **vectors)
    refused = cmr("ingest", "pairs", tmp_path / "none.csv", "-w", tmp_path / "w", code=1)
    assert refused.stderr.count("\n") == 1
    assert not (tmp_path / "w").exists()


def test_no_such_source(cmr):
    assert "No such command" in cmr("ingest", "nothing", code=2).stderr
