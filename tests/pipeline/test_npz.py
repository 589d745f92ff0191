"""From an .npz through the command line to metrics, against a full matrix of what is stored."""

from __future__ import annotations

import numpy as np
import pyarrow.parquet as pq
import pytest

from cmr.precision import ROWS, precision_of
from cmr.represent.precisions import Encoded
from cmr.views import connect
from tests.reference import counts

# Those whose codes one set of vectors has, whichever side is searched.
SHARED = [row.name for row in ROWS if row.quantizer is None]

GRID = ("--candidates", "12,20", "--k", "3", "--draws", "2")


@pytest.fixture
def warehouse(no_answer, evaluated_with):
    return evaluated_with("--dims", "16,24,40,64", "--precisions", ",".join(SHARED), *GRID)


def stored(root, set_id):
    """An embedding set, read with pyarrow alone."""
    row = pq.read_table(root / "embedding_sets" / f"{set_id}.parquet").to_pylist()[0]
    table = pq.ParquetFile(root / row["files"][0]).read()
    assert table["ordinal"].to_pylist() == list(range(row["rows"]))
    if "vector" in table.column_names:
        data = np.stack([np.asarray(value) for value in table["vector"].to_pylist()])
        return Encoded(row["precision"], row["dim"], data, np.ones(len(data), np.float32)), table
    data = np.array([np.frombuffer(code, np.uint8) for code in table["codes"].to_pylist()])
    assert (
        data.shape[1]
        == precision_of(row["precision"]).vector_bytes(row["dim"])
        == row["vector_bytes"]
    )
    return Encoded(row["precision"], row["dim"], data, table["scale"].to_numpy()), table


def test_every_run_equals_a_full_matrix(warehouse, npz):
    truth = np.load(npz())["ground_truth"]
    relevant = np.zeros((60, 30), dtype=bool)
    relevant[np.arange(60), truth] = True
    con = connect(str(warehouse))
    runs = con.execute(
        "select run_id, direction, precision, text_set, visual_set, dim_method from runs"
    ).fetchall()
    assert len(runs) == 4 * len(SHARED) * 2
    assert {run[5] for run in runs} == {"native", "pca", "expand"}
    for run_id, direction, precision, text_set, visual_set, _ in runs:
        full = counts.scores(stored(warehouse, text_set)[0], stored(warehouse, visual_set)[0])
        judged = relevant
        if direction == "v2t":
            full, judged = full.T, relevant.T
        expected = counts.count(full, judged, precision in ("int8", "int4", "b1"))
        rows = con.execute(
            "select query_id, item_id, above, tied, relevants_above, relevants_tied, score, "
            "relevants, gallery from ranks where run_id = ? "
            "order by query_id::int, item_id::int",
            [run_id],
        ).fetchall()
        pairs = list(zip(*np.nonzero(judged), strict=True))
        assert [(int(row[0]), int(row[1])) for row in rows] == pairs
        np.testing.assert_array_equal([row[2:6] for row in rows], expected)
        np.testing.assert_allclose([row[6] for row in rows], full[judged], atol=2e-6)
        assert {row[8] for row in rows} == {full.shape[1]}


@pytest.mark.slow
@pytest.mark.usefixtures("no_answer")
def test_a_device_stores_the_same_counts(cmr, npz, tmp_path):
    """`cpu:0` is this processor taken as a device: the code for GPUs, hits and pools included."""
    found = []
    for device in ("cpu", "cpu:0"):
        root = tmp_path / device
        cmr("ingest", "npz", npz(), "-w", root, "--dataset", "d")
        cmr("evaluate", "-w", root, "--dims", "16,40", "--precisions", "fp32,fp16,int8,b1",
            *GRID, "--hits", "3", "--device", device)  # fmt: skip
        con = connect(str(root))
        assert con.execute("select distinct device from runs").fetchall() == [(device,)]
        tables = []
        for table, columns in (
            ("ranks", "columns(* exclude (score))"),
            ("sampled_ranks", "*"),
            ("hits", "run_id, query_id, position, round(score, 5)"),
        ):
            tables.append(con.execute(f"select {columns} from {table} order by all").fetchall())
        found.append(tables)
    assert [len(rows) > 0 for rows in found[0]] == [True] * 3
    assert found[0] == found[1]


@pytest.mark.slow
def test_same_command_does_no_work(cmr, npz, warehouse):
    before = sorted(path.name for path in warehouse.rglob("*.parquet"))
    again = cmr("ingest", "npz", npz(), "-w", warehouse, "--dataset", "d")
    assert "already there" in again.stderr
    done = cmr("evaluate", "-w", warehouse, "--dims", "16,40", "--precisions", "int8", *GRID)
    assert "nothing to do" in done.stderr
    assert sorted(path.name for path in warehouse.rglob("*.parquet")) == before


@pytest.mark.slow
@pytest.mark.usefixtures("no_answer")
def test_new_questions_are_added(cmr, npz, tmp_path):
    """More K need no scoring; another C to sample does, and keeps what was there."""
    root = tmp_path / "w"
    cmr("ingest", "npz", npz(), "-w", root, "--dataset", "d")
    base = ("evaluate", "-w", root, "--dims", "16", "--precisions", "int8")
    cmr(*base, "--candidates", "12")
    # Threads add in any order, so the last digits differ from time to time.
    query = (
        "select measure, k, candidates, round(value, 9) from metrics "
        "where protocol = 'sampled' order by all"
    )
    before = connect(str(root)).execute(query).fetchall()
    assert "nothing to do" in cmr(*base, "--candidates", "12", "--k", "7").stderr
    con = connect(str(root))
    assert con.execute("select count(*) from metrics where k = 7").fetchone()[0] > 0
    assert "2 scored" in cmr(*base, "--candidates", "20").stderr
    after = connect(str(root)).execute(query).fetchall()
    assert set(before) <= set(after)
    assert {row[2] for row in after} == {12, 20}


@pytest.mark.slow
@pytest.mark.usefixtures("no_answer")
def test_shuffled_queries_give_the_same_metrics(cmr, npz, tmp_path):
    """The text order changes, ids go with their texts, the gallery stays."""
    arguments = ("--dims", "40", "--precisions", "int8,fp32", "--protocols", "full")
    values = []
    for extra in ((), ("--shuffle-queries", "--seed", "3")):
        root = tmp_path / f"w{len(extra)}"
        cmr("ingest", "npz", npz(), "-w", root, "--dataset", "d", *extra)
        cmr("evaluate", "-w", root, *arguments)
        con = connect(str(root))
        order = con.execute("select item_id from items where modality = 'text' order by ordinal")
        texts = [row[0] for row in order.fetchall()]
        ids = con.execute(
            "select item_id from items where modality = 'visual' order by ordinal"
        ).fetchall()
        assert [row[0] for row in ids] == [str(row) for row in range(30)]
        assert (texts == [str(row) for row in range(60)]) == (not extra)
        values.append(
            con.execute(
                "select direction, precision, measure, k, value from metrics order by all"
            ).fetchall()
        )
    for plain, shuffled in zip(*values, strict=True):
        assert plain[:4] == shuffled[:4]
        assert plain[4] == pytest.approx(shuffled[4], abs=1e-12)


@pytest.mark.usefixtures("no_answer")
def test_hits_are_the_top_of_the_list(cmr, npz, tmp_path):
    root = tmp_path / "w"
    cmr("ingest", "npz", npz(), "-w", root, "--dataset", "d")
    cmr("evaluate", "-w", root, "--dims", "40", "--precisions", "int8", "--hits", "5",
        "--protocols", "full")  # fmt: skip
    con = connect(str(root))
    run, text_set, visual_set = con.execute(
        "select run_id, text_set, visual_set from runs where direction = 't2v'"
    ).fetchone()
    full = counts.scores(stored(root, text_set)[0], stored(root, visual_set)[0])
    truth = np.load(npz())["ground_truth"]
    rows = con.execute(
        "select query_id::int, position, item_id::int, score, relevance from hits "
        "where run_id = ? order by 1, 2",
        [run],
    ).fetchall()
    assert len(rows) == 60 * 5
    for query, position, item, score, relevance in rows:
        best = np.sort(full[query])[::-1][position - 1]
        assert score == pytest.approx(best, abs=1e-5)
        assert full[query, item] == pytest.approx(best, abs=1e-9)
        assert relevance == (truth[query] == item)


def test_other_data_under_the_same_name_is_refused(cmr, npz, warehouse):
    changed = npz("other.npz", ground_truth=np.zeros(60, dtype=int))
    result = cmr("ingest", "npz", changed, "-w", warehouse, "--dataset", "d", code=1)
    assert "other data under the name 'd'" in result.stderr


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["longdouble", "float64", ">f8", ">f4"])
def test_floats_of_any_kind(cmr, npz, tmp_path, kind):
    """The same unit vectors are stored, of an .npz and of arrays."""
    arrays = dict(np.load(npz()))
    texts, visuals = (arrays[f"{side}_16"].astype(kind) for side in ("text", "video"))
    for name, array in (("t", texts), ("v", visuals), ("g", arrays["ground_truth"])):
        np.save(tmp_path / f"{name}.npy", array)
    path = npz("odd.npz", text_16=texts, video_16=visuals, text_40=None, video_40=None)
    files = {name: tmp_path / f"{name}.npy" for name in "tvg"}
    sources = {
        "a": ("npz", path),
        "b": ("arrays", "--texts", files["t"], "--visuals", files["v"], "--pairs", files["g"]),
    }
    for name, source in sources.items():
        cmr("ingest", *source, "--dataset", name, "-w", tmp_path / "w")
        con = connect(str(tmp_path / "w"))
        rows = con.execute(
            "select vector from embeddings where dataset = ? and modality = 'text' "
            "order by ordinal",
            [name],
        ).fetchall()
        expected = arrays["text_16"] / np.linalg.norm(arrays["text_16"], axis=1, keepdims=True)
        np.testing.assert_allclose([row[0] for row in rows], expected, atol=2e-7)


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"text_16": np.zeros((60, 16), complex)}, "text_16 has type complex128"),
        ({"text_16": np.zeros((60, 16), "clongdouble")}, "text_16 has type complex256"),
        ({"text_16": np.ones((60, 16), bool)}, "text_16 has type bool"),
        ({"text_16": np.zeros((60, 16), "V4")}, "text_16 has type"),
        ({"text_16": np.zeros((60, 16), object)}, "never loaded"),
        ({"text_16": np.float32(1)}, "text_16 has shape ()"),
        ({"ground_truth": np.int64(1)}, "ground_truth has shape ()"),
        ({"ground_truth": np.zeros(60, "longdouble")}, "ground_truth has type"),
    ],
)
def test_what_are_no_vectors_is_a_sentence(cmr, npz, tmp_path, change, reason):
    result = cmr("ingest", "npz", npz(**change), "--dataset", "d", "-w", tmp_path / "w", code=1)
    assert reason in result.stderr
    assert result.stderr.count("\n") == 1
