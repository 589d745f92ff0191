"""Runs of product codes: counts of NumPy over what the stored codes and codebooks stand for."""

from __future__ import annotations

import numpy as np
import pyarrow.parquet as pq
import pytest

import cmr as package
from cmr.answers import fetch
from cmr.represent.coded_sets import from_row
from cmr.views import connect
from cmr.warehouse.codebooks import codebook_of
from cmr.warehouse.vectors import StoredVectors
from tests.reference import counts

pytest.importorskip("faiss")
pytestmark = pytest.mark.slow

PAIRS, DIM = 330, 32


def made(cmr, tmp_path, name="d", seed=0):
    rng = np.random.default_rng(seed)
    visual = rng.standard_normal((PAIRS, DIM)) + 0.5
    text = visual + 2.5 * rng.standard_normal((PAIRS, DIM)) - 0.5
    arrays = {f"text_{DIM}": text, f"video_{DIM}": visual}
    np.savez(tmp_path / f"{name}.npz", ground_truth=np.arange(PAIRS),
             **{one: values.astype(np.float32) for one, values in arrays.items()})  # fmt: skip
    cmr(
        "ingest",
        "npz",
        tmp_path / f"{name}.npz",
        "--dataset",
        name,
        "--model-name",
        "m",
        "-w",
        tmp_path / "w",
    )
    return tmp_path / "w"


def rows(root, query):
    return fetch(connect(str(root)), query).to_pylist()


def evaluated(cmr, root, *more, code=0):
    asked = ("--dims", DIM, "--precisions", "pq16", "--protocols", "full", "--dataset", "d")
    return cmr("evaluate", *asked, "-w", root, *more, code=code)


@pytest.mark.usefixtures("no_answer")
@pytest.mark.parametrize("queries", [(), ("--asymmetric",)])
def test_counts(cmr, tmp_path, queries):
    root = made(cmr, tmp_path)
    evaluated(cmr, root, "--folds", "0", *queries)
    opened, con = package.open(str(root)), connect(str(root))

    def asked(query):
        return fetch(con, query).to_pylist()

    sets = {row["set_id"]: row for row in asked("from embedding_sets")}
    runs = asked("from runs")
    assert len(runs) == 2
    for run in runs:
        ask, find = ("text", "visual") if run["direction"] == "t2v" else ("visual", "text")
        native = opened.embeddings(modality=ask, dim=DIM, precision="fp32").floats()
        gallery, rotation = read(opened, sets[run[f"{find}_set"]])
        asking = native @ rotation if queries else read(opened, sets[run[f"{ask}_set"]])[0]
        full = asking.astype(np.float64) @ gallery.astype(np.float64).T
        expected = counts.count(full, np.eye(PAIRS, dtype=bool), exact=False)
        found = asked(
            "select above, tied, relevants_above, relevants_tied from ranks "
            f"where run_id = '{run['run_id']}' order by query_id::int, item_id::int"
        )
        assert [list(row.values()) for row in found] == expected.tolist()
        assert run["vector_bytes"] == 16
    assert asked("select distinct codes_there from quantizer_audit") == [{"codes_there": 256}]
    assert asked("from metrics where measure = 'recall' and value is null") == []
    assert {row["set_id"] for row in asked("select distinct set_id from codebooks")} == {
        row["set_id"] for row in sets.values() if row["precision"] == "pq16"
    }


def read(opened, row):
    """What a stored set's codes stand for, in its rotated space, and the rotation."""
    store = opened.store
    coded = from_row(row, codebook_of(store, row))
    return coded.decode(StoredVectors(store, row).all()), coded.rotation


@pytest.mark.usefixtures("no_answer")
def test_the_file_holds_the_codes_alone(cmr, tmp_path):
    root = made(cmr, tmp_path)
    evaluated(cmr, root, "--folds", "0", "--asymmetric")
    (path,) = root.glob("embeddings/**/modality=visual/**/precision=pq16/[!_]*.parquet")
    table = pq.read_table(path)
    assert table.schema.field("codes").type.byte_width == 16
    row = next(row for row in rows(root, "from embedding_sets") if row["precision"] == "pq16")
    assert (row["vector_bytes"], row["fit_on"], row["fit_vectors"]) == (16, "d", PAIRS)
    found = package.open(str(root)).embeddings(modality="visual", dim=DIM, precision="pq16")
    assert found.floats().shape == (PAIRS, DIM)
    assert found.numpy().shape == (PAIRS, 16)


@pytest.mark.usefixtures("no_answer")
def test_held_out(cmr, tmp_path):
    """Each fold's codes are of a codebook learnt without its queries' items: fewer fit it well."""
    root = made(cmr, tmp_path)
    told = evaluated(cmr, root, "--folds", "2", "--asymmetric", "--directions", "t2v", code=1)
    assert "pq16 learns 256 centroids and needs as many vectors; there are 165" in told.stderr
    evaluated(cmr, root, "--folds", "5", "--asymmetric", "--directions", "t2v")
    con = connect(str(root))
    (run,) = fetch(con, "from runs").to_pylist()
    assert run["folds"] == 5
    fits = fetch(con, "select distinct fit from retention where precision = 'pq16'").to_pylist()
    assert fits in ([{"fit": "cross-fitted"}], [])
    held, seen = (
        fetch(con, f"select avg(above) as above from {table}")["above"][0].as_py()
        for table in ("held_out_ranks", "ranks")
    )
    assert held > seen


@pytest.mark.usefixtures("no_answer")
def test_learnt_elsewhere(cmr, tmp_path):
    root = made(cmr, tmp_path)
    made(cmr, tmp_path, "other", 1)
    evaluated(cmr, root, "--asymmetric", "--fit-on", "other", "--directions", "t2v")
    (run,) = rows(root, "from runs")
    assert (run["fit_on"], run["fit_vectors"], run["evidence_fit"]) == ("other", PAIRS, "held out")


@pytest.mark.usefixtures("no_answer")
def test_a_damaged_codebook_is_told_and_made_again(cmr, tmp_path):
    root = made(cmr, tmp_path)
    evaluated(cmr, root, "--folds", "0", "--asymmetric", "--directions", "t2v")
    (path,) = root.glob("codebooks/**/precision=pq16/[!_]*.parquet")
    sound = rows(root, "from ranks order by all")
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)
    told = cmr("evaluate", "--dims", DIM, "--precisions", "pq16", "--dataset", "d", "--folds", "0",
               "--protocols", "sampled", "--candidates", "20", "--asymmetric",
               "--directions", "t2v", "-w", root, code=1)  # fmt: skip
    assert "codebooks" in told.stderr
    assert "`cmr evaluate --force` makes it again" in told.stderr
    evaluated(cmr, root, "--folds", "0", "--asymmetric", "--directions", "t2v", "--force")
    assert rows(root, "select * exclude run_id from ranks order by all") == [
        {name: value for name, value in row.items() if name != "run_id"} for row in sound
    ]


def test_what_is_refused(cmr, tmp_path):
    root, full = made(cmr, tmp_path), ("--dims", DIM, "--protocols", "full")

    def told(*more):
        return cmr("evaluate", *full, *more, "-w", root, code=1).stderr

    parts = told("--precisions", "pq64")
    assert "pq64 codes vectors in 64 equal parts, which 32 dimensions do not have" in parts
    again = told("--precisions", "b1", "--rescore", "pq16")
    assert "--rescore takes precisions that no quantizer is learnt for" in again
    assert "codes vectors itself" in told("--precisions", "pq16", "--scorer", "faiss-flat")
