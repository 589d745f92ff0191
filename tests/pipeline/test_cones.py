"""Vectors in two cones, by every quantiser, against NumPy: full matrices, pair by pair."""

from __future__ import annotations

import json
from functools import cache, partial

import numpy as np
import pyarrow.parquet as pq
import pytest
from click.testing import CliRunner

from cmr.answers import fetch
from cmr.cli.main import main
from cmr.views import connect
from tests.conftest import unanswered
from tests.reference import counts

pytestmark = pytest.mark.slow
DIM, TEXTS, VISUALS = 48, 240, 90
KINDS = ("absmax", "centred", "median")
# Counted in tiles, small as it is.
ASKED = (
    "--dims", str(DIM), "--candidates", "20", "--protocols", "full", "--device", "cpu"
)  # fmt: skip


def cones():
    """Texts and visuals about one direction of large weight, and apart by another."""
    rng = np.random.default_rng(3)
    unit = lambda x: x / np.linalg.norm(x, axis=-1, keepdims=True)  # noqa: E731
    common, apart = unit(rng.standard_normal((2, DIM)))
    content = unit(rng.standard_normal((VISUALS, DIM)))
    truth = np.arange(TEXTS) % VISUALS
    own = unit(content[truth] + 1.1 * unit(rng.standard_normal((TEXTS, DIM))))
    texts = unit(own + 2 * common + 0.8 * apart)
    visuals = unit(content + 2 * common - 0.8 * apart)
    return texts.astype(np.float32), visuals.astype(np.float32), truth


@pytest.fixture(scope="module")
def cmr():
    def run(*args):
        result = CliRunner().invoke(main, [str(arg) for arg in args])
        assert result.exit_code == 0, (result.stdout, result.stderr, result.exception)
        return result.stdout

    return run


@pytest.fixture(scope="module")
def root(cmr, tmp_path_factory):
    folder = tmp_path_factory.mktemp("cones")
    texts, visuals, truth = cones()
    arrays = {f"text_{DIM}": texts, f"video_{DIM}": visuals, "ground_truth": truth}
    np.savez(folder / "d.npz", **arrays)
    cmr("ingest", "npz", folder / "d.npz", "-w", folder / "w")
    grid = ("--precisions", "fp32,int8,int4,b1", "--quantizer", ",".join(KINDS))
    with unanswered():
        cmr("evaluate", "-w", folder / "w", *ASKED, *grid)
        cmr("evaluate", "-w", folder / "w", *ASKED, *grid, "--asymmetric")
    return folder / "w"


def centres(kind, way):
    """What each side is coded less of, text's first."""
    texts, visuals, _ = cones()
    if kind == "centred":
        return [side.mean(axis=0, dtype=np.float64).astype(np.float32) for side in (texts, visuals)]
    if kind == "median":
        return [np.median(visuals if way == "t2v" else texts, axis=0)] * 2
    return [np.zeros(DIM, dtype=np.float32)] * 2


def stands_for(vectors, centre, precision, with_centre=True):
    """Codes of a scale a vector, and what they stand for, in plain NumPy; bits are ±1."""
    shifted = vectors - centre
    if precision == "b1":
        return np.where(shifted > 0, 1.0, -1.0)
    limit = 127 if precision == "int8" else 7
    scales = (np.abs(shifted).max(axis=1) / np.float32(limit))[:, None]
    decoded = np.rint(shifted / scales) * scales
    return (decoded + centre if with_centre else decoded).astype(np.float64)


def full_matrix(kind, precision, way, asymmetric=False, with_centre=True):
    """All scores of texts and visuals, float64."""
    sides, found = cones()[:2], []
    for place, (vectors, centre) in enumerate(zip(sides, centres(kind, way), strict=True)):
        is_query = (place == 0) == (way == "t2v")
        if precision == "fp32" or (asymmetric and is_query):
            floats = vectors - centre if precision == "b1" else vectors
            found.append(floats.astype(np.float64))
        else:
            found.append(stands_for(vectors, centre, precision, with_centre))
    return found[0] @ found[1].T


def wanted(full, way, exact):
    truth = np.zeros((TEXTS, VISUALS), dtype=bool)
    truth[np.arange(TEXTS), cones()[2]] = True
    if way == "v2t":
        full, truth = full.T, truth.T
    return counts.count(full, truth, exact)


@cache
def runs_of(root, there):
    """The runs of these files, read once however many tests ask for one of them."""
    return fetch(connect(str(root), "from runs"), "from runs").to_pylist()


def stored(root, kind, precision, way, asymmetric=False, scorer="torch"):
    """The counts that were stored of a run, in the order of its pairs, and the run."""
    wanted = {
        "precision": precision, "quantizer": None if precision == "fp32" else kind,
        "query_precision": "fp32" if asymmetric else None, "direction": way, "scorer": scorer,
    }  # fmt: skip
    there = tuple(sorted(path.name for path in (root / "runs").rglob("*.parquet")))
    (run,) = [run for run in runs_of(root, there) if wanted.items() <= run.items()]
    (name,) = [name for name in run["files"] if name.startswith("ranks/")]
    rows = pq.ParquetFile(root / name).read().to_pylist()
    rows.sort(key=lambda row: (int(row["query_id"]), int(row["item_id"])))
    names = ("above", "tied", "relevants_above", "relevants_tied")
    return np.array([[row[name] for name in names] for row in rows]), run


CASES = [("absmax", "fp32"), *((kind, one) for kind in KINDS for one in ("int8", "int4", "b1"))]


@pytest.mark.parametrize("way", ["t2v", "v2t"])
@pytest.mark.parametrize(("kind", "precision"), CASES)
def test_counts(root, kind, precision, way):
    found, run = stored(root, kind, precision, way)
    by_codes = precision == "b1" or (kind == "absmax" and precision != "fp32")
    full = full_matrix(kind, precision, way)
    if kind == "absmax" and precision in ("int8", "int4"):
        # Counted from whole numbers, so that equal scores are equal to the last digit.
        full = np.round(full, 12)
    np.testing.assert_array_equal(found, wanted(full, way, by_codes))
    name = json.loads(run["plan"])["kernel"]
    assert (name == "float32-mm") == (not by_codes)


@pytest.mark.parametrize("way", ["t2v", "v2t"])
@pytest.mark.parametrize(("kind", "precision"), CASES[1:])
def test_counts_of_queries_that_are_not_coded(root, kind, precision, way):
    found, run = stored(root, kind, precision, way, asymmetric=True)
    full = full_matrix(kind, precision, way, asymmetric=True)
    if precision == "b1":
        full /= np.sqrt(DIM)
    np.testing.assert_array_equal(found, wanted(full, way, False))
    assert run["vector_bytes"] == {"int8": DIM, "int4": DIM // 2, "b1": DIM // 8}[precision]


def test_without_the_terms_of_the_centre_the_counts_would_be_others(root):
    """So that the tests above see it if they are dropped."""
    for kind in ("centred", "median"):
        for way in ("t2v", "v2t"):
            found, _ = stored(root, kind, "int4", way)
            dropped = full_matrix(kind, "int4", way, with_centre=False)
            assert (found != wanted(dropped, way, False)).any()


def test_a_modality_gap_wants_each_sides_own_mean(root):
    """By recall@10 of bits: cut at zero, at the gallery's median, at each side's mean, and fp32."""
    rows = fetch(
        connect(str(root)),
        "select direction, coalesce(quantizer, 'fp32') as kind, value from metrics "
        "where precision in ('fp32', 'b1') and variant not like '%queries%' and protocol = 'full' "
        "and measure = 'recall' and k = 10",
    ).to_pylist()
    for way in ("t2v", "v2t"):
        value = {row["kind"]: row["value"] for row in rows if row["direction"] == way}
        assert value["absmax"] < value["centred"] - 0.1
        assert value["median"] < value["centred"] - 0.1
        for kind, precision in (("absmax", "b1"), ("centred", "b1"), ("median", "b1")):
            above, tied, *others = wanted(full_matrix(kind, precision, way), way, True).T
            rank = above + others[0]
            # A tie's order is anyone's: the share of places within the first ten.
            inside = np.clip((10 - rank) / (tied + others[1] + 1), 0, 1)
            queries = np.arange(TEXTS) if way == "t2v" else np.sort(cones()[2])
            means = [inside[queries == query].mean() for query in np.unique(queries)]
            assert value[kind] == pytest.approx(np.mean(means), abs=1e-9)


def test_the_catalogue_and_the_audit(root):
    con = connect(str(root))
    sets = fetch(con, "from embedding_sets where quantizer in ('centred', 'median')").to_pylist()
    native = {row["modality"]: row["set_id"] for row in fetch(
        con, "from embedding_sets where parent is null").to_pylist()}  # fmt: skip
    assert len(sets) == 3 * 2 + 3 * 4
    for row in sets:
        teacher = row["modality"] if row["quantizer"] == "centred" else None
        taught = [side for side in native if native[side] == row["calibration_set"]]
        assert teacher in (None, *taught)
        way = "t2v" if taught == ["visual"] else "v2t"
        both = centres(row["quantizer"], way)
        expected = both[row["modality"] == "visual"]
        np.testing.assert_array_equal(np.array(row["centre"], dtype=np.float32), expected)
        assert row["range_low"] is None
    audit = fetch(con, "from quantizer_audit").to_pylist()
    for row in audit:
        assert row["calibration_modality"] is not None or row["quantizer"] == "absmax"
        if row["quantizer"] == "median" and row["calibration_modality"] == row["modality"]:
            assert row["balanced"] == 1
        assert (row["balanced"] < 0.5) == (
            row["quantizer"] == "absmax" or row["calibration_modality"] != row["modality"]
        )


@pytest.mark.usefixtures("no_answer")
def test_usearch(root, cmr):
    """It knows of no centre, so it is given what codes stand for; bits stay bits."""
    grid = ("--precisions", "int8,b1", "--quantizer", "centred,median")
    cmr("evaluate", "-w", root, *ASKED, *grid, "--scorer", "usearch-exact")
    for kind in ("centred", "median"):
        for precision in ("int8", "b1"):
            for way in ("t2v", "v2t"):
                mine, _ = stored(root, kind, precision, way)
                found, run = stored(root, kind, precision, way, scorer="usearch-exact")
                assert np.abs(mine - found).max() <= (1 if precision == "int8" else 0)
                told = json.loads(run["plan"])["kernel"]
                assert told.startswith("usearch b1" if precision == "b1" else "usearch f32")
    cmr("evaluate", "-w", root, *ASKED, *grid, "--scorer", "usearch-hnsw")
    rows = fetch(
        connect(str(root)),
        "select runs.*, value from runs join metrics using (run_id) "
        "where runs.scorer = 'usearch-hnsw' and measure = 'ann_recall' and metrics.k = 10",
    ).to_pylist()
    assert len(rows) == 8
    for row in rows:
        assert row["value"] > 0.9
        bytes_there = row["gallery"] * (DIM * 4 if row["precision"] == "int8" else DIM // 8)
        assert row["index_bytes"] > bytes_there
        assert row["vector_bytes"] == (DIM if row["precision"] == "int8" else DIM // 8)
    shown = cmr("evaluate", "-w", root, *ASKED, *grid, "--scorer", "usearch-hnsw", "--explain")
    assert "usearch f32" in shown
    assert "usearch b1" in shown
    shown = cmr("evaluate", "-w", root, *ASKED, *grid, "--explain")
    assert "float32-mm" in shown


@pytest.mark.usefixtures("no_answer")
def test_in_parts(root, cmr, tmp_path):
    """Shards add up to the same counts and lists."""
    import shutil

    grid = ("--precisions", "int4,b1", "--quantizer", "centred,median", "--hits", "5")
    there = [shutil.copytree(root, tmp_path / name) for name in ("whole", "parts")]
    cmr("evaluate", "-w", there[0], *ASKED, *grid, "--force")
    asked = partial(cmr, "evaluate", "-w", there[1], *ASKED, *grid, "--force")
    for shard in ("1/3", "2/3", "3/3"):
        asked("--shard", shard)
    asked("--merge")
    for kind in ("centred", "median"):
        for precision in ("int4", "b1"):
            for way in ("t2v", "v2t"):
                one, other = (stored(path, kind, precision, way)[0] for path in there)
                np.testing.assert_array_equal(one, other)
    order = "select * from hits order by run_id, query_id, position"
    lists = [fetch(connect(str(path)), order).to_pydict() for path in there]
    assert len(lists[0]["score"]) > 0
    assert lists[0]["item_id"] == lists[1]["item_id"]
    np.testing.assert_allclose(lists[0]["score"], lists[1]["score"], atol=1e-6)


def test_what_a_service_would_search(root, cmr):
    """The gallery stays codes, a byte a value, whatever is subtracted."""
    asked = (
        "bench", "-w", root, "--dims", DIM, "--precisions", "int8,b1", "--quantizer", "centred",
        "--batch", "40", "--repeats", "1", "--threads", "1", "--stages", "batch",
    )  # fmt: skip
    cmr(*asked, "--scorers", "torch,usearch-exact", "--directions", "t2v")
    cmr(*asked, "--asymmetric", "--directions", "v2t")
    rows = fetch(connect(str(root)), "from benches where stage = 'batch'").to_pylist()
    found = {(row["scorer"], row["precision"], row["direction"]): row for row in rows}
    assert {key: row["index_vector_bytes"] for key, row in found.items()} == {
        ("torch", "int8", "t2v"): DIM + 4, ("torch", "int8", "v2t"): DIM + 4,
        ("torch", "b1", "t2v"): DIM, ("torch", "b1", "v2t"): DIM,
        ("usearch-exact", "int8", "t2v"): 4 * DIM, ("usearch-exact", "b1", "t2v"): DIM // 8,
    }  # fmt: skip


def test_python(root):
    import cmr as package

    opened = package.open(str(root))
    for side, given in zip(("text", "visual"), cones(), strict=False):
        floats = opened.embeddings(modality=side, precision="int8", quantizer="centred").floats()
        assert np.abs(floats - given).max() < 0.005
    request = opened.evaluate(dims=DIM, precisions="int4", quantizers="all", protocols="full",
                              candidates=20)  # fmt: skip
    assert request is not None
    names = fetch(
        connect(str(root)), "select distinct quantizer from runs where precision = 'int4'"
    )
    assert {*names["quantizer"].to_pylist()} >= {"absmax", "calibrated", "rotated", *KINDS}
