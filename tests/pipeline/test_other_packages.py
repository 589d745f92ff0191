"""A quantiser and a scorer of another package, found by its entry points, on the command line."""

from __future__ import annotations

import json

import numpy as np
import pytest

from cmr.answers import fetch
from cmr.views import connect
from tests.conftest import npz_arrays, unanswered

pytestmark = pytest.mark.slow

SEARCHED = ("--dims", "40", "--candidates", "20", "--protocols", "full")


@pytest.fixture
def root(tmp_path, monkeypatch, cmr):
    """A data set, and a package beside cmr that adds one of each."""
    there = tmp_path / "packages" / "other-1.0.dist-info"
    there.mkdir(parents=True)
    (there / "METADATA").write_text("Metadata-Version: 2.1\nName: other\nVersion: 1.0\n")
    (there / "entry_points.txt").write_text(
        "[cmr.quantizers]\nwithin = tests.represent.other:KIND\nbroken = no_such_package:KIND\n"
        "[cmr.scorers]\ncells = tests.score.other:KIND\nwrong = tests.represent.other:KIND\n"
    )
    monkeypatch.syspath_prepend(there.parent)
    np.savez(tmp_path / "data.npz", **npz_arrays())
    cmr("ingest", "npz", tmp_path / "data.npz", "-w", tmp_path / "w", "--dataset", "d")
    return tmp_path / "w"


def rows(root, query):
    return fetch(connect(str(root), query), query).to_pylist()


@pytest.mark.usefixtures("no_answer")
def test_a_quantizer(root, cmr):
    """Its ranges are stored, and its codes read again, as those of our own."""
    asked = ("evaluate", "-w", root, *SEARCHED, "--quantizer", "within,absmax")
    cmr(*asked, "--precisions", "int8,fp16")
    cmr(*asked, "--precisions", "int8", "--asymmetric")
    assert "nothing to do" in cmr(*asked, "--precisions", "int8,fp16").stderr
    made = rows(root, "select precision, quantizer, query_precision from runs order by all")
    assert [tuple(row.values()) for row in made] == [
        *[("fp16", None, None)] * 2,
        *[("int8", "absmax", "fp32")] * 2, *[("int8", "absmax", None)] * 2,
        *[("int8", "within", "fp32")] * 2, *[("int8", "within", None)] * 2,
    ]  # fmt: skip
    audit = rows(root, "from quantizer_audit where quantizer = 'within'")
    assert len(audit) == 4
    assert all(0 < row["clip_rate"] < 0.05 and row["codes_there"] == 256 for row in audit)
    import cmr as package

    opened = package.open(str(root))
    for side in ("text", "visual"):
        native = opened.embeddings(modality=side, dim=40, precision="fp32").floats()
        for row in rows(root, f"from embedding_sets where quantizer = 'within' "
                        f"and modality = '{side}'"):  # fmt: skip
            from cmr.api.embeddings import Embeddings

            floats = Embeddings(opened.store, row).floats()
            low, high = np.array(row["range_low"]), np.array(row["range_high"])
            kept = np.clip(native, low, high)
            assert np.abs(floats - kept).max() <= ((high - low) / 255).max() * 0.51


def test_a_scorer(root, cmr):
    """Its lists are scored by cmr and held against an exact search; two stages go, too."""
    asked = ("evaluate", "-w", root, *SEARCHED, "--precisions", "fp32,int8")
    with unanswered():
        cmr(*asked)
    done = cmr(*asked, "--scorer", "cells")
    assert "Searches that return lists, whole gallery" in done.stdout
    with unanswered():
        cmr(*asked, "--scorer", "cells", "--precisions", "int8", "--rescore", "fp32")
    assert "fp32" in cmr(*asked, "--scorer", "cells", "--explain").stdout
    runs = rows(root, "from runs where scorer = 'cells' and rescore is null")
    assert len(runs) == 4
    for run in runs:
        assert run["index_bytes"] > 0
        assert run["list_length"] == 10
        assert json.loads(run["plan"])["kernel"] == "cells"
    near = rows(
        root,
        "select x.value as agreement, y.value as mine, z.value as exact from metrics x "
        "join metrics y on y.run_id = x.run_id and y.k = x.k join metrics z on z.direction = "
        "x.direction and z.precision = x.precision and z.k = x.k where x.scorer = 'cells' "
        "and x.variant = '' and x.measure = 'ann_recall' and y.measure = 'recall' "
        "and z.measure = 'recall' and z.scorer = 'torch' and x.k = 10",
    )
    assert len(near) == 4
    for row in near:
        assert 0.4 < row["agreement"] < 1
        assert 0 < row["mine"] <= row["exact"]


def test_a_scorer_is_measured(root, cmr):
    cmr(
        "bench", "-w", root, "--dims", "40", "--precisions", "int8", "--scorers", "cells,torch",
        "--candidates", "20", "--batch", "20", "--singles", "3", "--stages", "build,batch,single",
        "--repeats", "1", "--threads", "1",
    )  # fmt: skip
    found = rows(root, "select scorer, ann_recall, queries_per_second from speed order by all")
    known = {row["scorer"]: row["ann_recall"] for row in found}
    assert known["torch"] == 1
    assert 0.4 < known["cells"] < 1
    curve = rows(root, "select distinct scorer, is_exact from ann_curve order by all")
    assert [row["is_exact"] for row in curve] == [False, True]


def test_names_are_in_help_and_what_is_wrong_is_a_sentence(root, cmr):
    shown = cmr("evaluate", "--help").stdout
    assert "cells" in shown
    asked = ("evaluate", "-w", root, *SEARCHED, "--precisions", "int8")
    for args, reason in (
        (("--scorer", "wrong"), "is not a cmr.score.search.scorer_declaration.ScorerKind"),
        (("--quantizer", "broken"), "does not load"),
        (("--scorer", "cells", "--asymmetric"), "needs --scorer torch"),
        (("--scorer", "cells", "--connectivity", "4"), "is only for --scorer usearch-hnsw"),
    ):
        refused = cmr(*asked, *args, code=1).stderr
        assert reason in refused
        assert refused.count("\n") == 1
    cmr(*asked, "--scorer", "elsewhere", code=2)
