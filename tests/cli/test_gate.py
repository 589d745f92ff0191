"""`cmr gate`: outcomes at known differences, exit codes, files of a baseline, and the formats."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from xml.etree import ElementTree

import numpy as np
import pyarrow.parquet as pq
import pytest
from click.testing import CliRunner

import cmr as api
from cmr.api import baseline_file
from cmr.api.gate import GatedBy, Outcome, as_baseline, gate, overall
from cmr.cli.main import main
from cmr.errors import CmrError
from tests.conftest import snapshot
from tests.warehouses import add_dataset, add_run, new

ITEMS = 300


def scores(hits, rng):
    """Each query's own item first where it is a hit, else last."""
    found = rng.random((ITEMS, ITEMS)).astype(np.float32)
    found[np.diag_indices(ITEMS)] = np.where(hits, 2.0, -1.0)
    return found


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    """Runs that hit 80% of the queries, and lose or win some of them."""
    folder = tmp_path_factory.mktemp("gate") / "w"
    warehouse, rng = new(folder), np.random.default_rng(0)
    relevance = np.eye(ITEMS, dtype=int)
    add_dataset(warehouse, "d", relevance)
    base = np.arange(ITEMS) % 5 != 0
    changed = {
        "fp32": base,
        "fp16": base.copy(),
        "int8": base & (np.arange(ITEMS) % 100 != 1),
        "int4": base & (np.arange(ITEMS) % 6 != 1),
        "b1": np.zeros(ITEMS, bool),
    }
    for number, (precision, hits) in enumerate(changed.items()):
        for way in ("t2v", "v2t"):
            add_run(warehouse, f"{number}{way}", "d", scores(hits, rng), relevance,
                    way, precision=precision, model="<m|1>")  # fmt: skip
    return folder


@pytest.fixture(scope="module")
def saved(root, tmp_path_factory):
    """The file that `cmr gate --save` writes of the runs of fp32, as bytes."""
    path = tmp_path_factory.mktemp("saved") / "base.parquet"
    command = ["gate", "precision=fp32", "--save", str(path), "-w", str(root)]
    assert CliRunner().invoke(main, command).exit_code == 0
    return path.read_bytes()


def assert_alike(found, expected):
    """The same but for the last digits, which depend on the order of the rows in a sum."""
    assert found["outcome"] == expected["outcome"]
    for one, other in zip(found["rows"], expected["rows"], strict=True):
        numbers = {name for name, value in other.items() if isinstance(value, float)}
        assert {name: one[name] for name in one.keys() - numbers} == {
            name: other[name] for name in other.keys() - numbers
        }
        for name in numbers:
            assert one[name] == pytest.approx(other[name], abs=1e-12)


@pytest.mark.parametrize(
    ("precision", "margin", "outcome", "code"),
    [
        ("fp16", "0.02", "pass", 0),
        ("fp16", "0", "undecided", 3),
        ("int8", "0.005", "undecided", 3),
        ("int8", "0.05", "pass", 0),
        ("int4", "0.05", "fail", 1),
        ("int4", "0.25", "pass", 0),
    ],
)
def test_outcomes_and_exit_codes(cmr, root, precision, margin, outcome, code):
    said = cmr("gate", f"precision={precision}", "--baseline", "precision=fp32", "-w", root,
               "--margin", margin, "--format", "json", code=code)  # fmt: skip
    found = json.loads(said.stdout)
    assert found["outcome"] == outcome
    assert {row["direction"] for row in found["rows"]} == {"t2v", "v2t"}
    for row in found["rows"]:
        low, high = row["ci_low"], row["ci_high"]
        assert low < high
        assert row["difference"] == pytest.approx(row["value"] - row["baseline_value"])
        by_interval = (
            "pass" if low >= -float(margin) else "fail" if high < -float(margin) else "undecided"
        )
        assert row["outcome"] == by_interval


def test_the_interval_is_that_of_compare(root):
    opened = api.open(str(root))
    (row,) = [
        row
        for row in opened.compare("0t2v", "3t2v").arrow().to_pylist()
        if (row["measure"], row["k"]) == ("recall", 10)
    ]
    (one,) = gate(opened.store, "0t2v", "3t2v")
    assert (one.row["ci_low"], one.row["ci_high"]) == (row["ci_low"], row["ci_high"])


def test_about_so_many_queries_decide(root):
    """With as many times more of the same queries, the interval just clears the margin."""
    by = GatedBy(margin=0.005)
    (one,) = gate(api.open(str(root)).store, "0t2v", "2t2v", by)
    assert one.outcome is Outcome.UNDECIDED
    assert one.queries > ITEMS
    lost = one.row["difference"]
    # The difference is a loss beyond the margin, so that it is a failure that would be decided.
    assert lost == pytest.approx(-3 / ITEMS)
    reach = (one.row["ci_high"] - lost) * np.sqrt(ITEMS / one.queries)
    assert lost + reach == pytest.approx(-by.margin, abs=1e-4)


def test_a_visual_items_queries_move_together(tmp_path):
    """With 20 captions a picture, identical runs are as unsure as their 40 pictures are few."""
    warehouse = new(tmp_path / "w")
    relevance = np.repeat(np.eye(40, dtype=int), 20, axis=0)
    add_dataset(warehouse, "d", relevance)
    for number in "01":
        add_run(warehouse, number, "d", relevance * 1.0, relevance)
    (one,) = gate(warehouse, "0", "1", GatedBy(margin=0.005))
    # Of 40 pictures none differs: 1 - .025^(1/40) of all may.
    assert -one.row["ci_low"] == pytest.approx(1 - 0.025 ** (1 / 40), rel=0.2)
    assert one.outcome is Outcome.UNDECIDED
    # So rare a difference is ruled out in proportion to the number of queries.
    assert one.queries == pytest.approx(800 * -one.row["ci_low"] / 0.005, abs=1)


def test_at_chance_nothing_is_decided(cmr, root):
    said = cmr("gate", "precision=fp32", "--baseline", "precision=b1", "-w", root, code=3)
    assert "is not clearly above chance" in said.stdout
    assert "The gate is undecided" in said.stdout


def test_with_few_visual_items_nothing_is_decided(cmr, tmp_path):
    warehouse, relevance = new(tmp_path / "w"), np.eye(20, dtype=int)
    add_dataset(warehouse, "d", relevance)
    for number, precision in enumerate(("fp32", "fp16")):
        add_run(warehouse, f"{number}", "d", relevance * 1.0, relevance, precision=precision)
    said = cmr("gate", "1", "--baseline", "0", "--margin", "0.9", "-w", tmp_path / "w", code=3)
    assert "20 visual items are too few: at least 30 are needed" in said.stdout


def test_a_file_stands_for_its_runs(cmr, root, tmp_path):
    path = tmp_path / "base.parquet"
    before = snapshot(root)
    said = cmr("gate", "precision=fp32", "--save", path, "-w", root)
    assert f"{path}: {path.stat().st_size:,} bytes" in said.stdout
    # Some bytes for each query's counts, some thousand for what was run.
    assert path.stat().st_size < 30 * ITEMS + 10_000
    assert snapshot(root) == before
    of_file, of_run = (
        json.loads(
            cmr(
                "gate",
                "precision=int8",
                "--baseline",
                base,
                "--measure",
                "recall,mrr,ndcg",
                "--format",
                "json",
                "-w",
                root,
                code=3,
            ).stdout
        )
        for base in (path, "precision=fp32")
    )
    assert_alike(of_file, of_run)
    # In a warehouse that does not have the runs.
    other = tmp_path / "w"
    shutil.copytree(root, other)
    cmr("runs", "remove", "precision=fp32", "--yes", "-w", other)
    again = cmr("gate", "precision=int8", "--baseline", path, "--measure", "recall,mrr,ndcg",
                "--format", "json", "-w", other, code=3)  # fmt: skip
    assert_alike(json.loads(again.stdout), of_run)


def test_without_a_run_the_one_with_the_same_settings_is_judged(cmr, root, tmp_path):
    path = tmp_path / "base.parquet"
    cmr("gate", "precision=int4", "--save", path, "-w", root)
    said = cmr("gate", "--baseline", path, "--margin", "0.02", "--format", "json", "-w", root)
    rows = json.loads(said.stdout)["rows"]
    assert {row["run"] for row in rows} == {"3t2v", "3v2t"}
    assert {row["difference"] for row in rows} == {0}
    refused = cmr("gate", "--baseline", "precision=int4", "-w", root, code=1)
    assert "it is not clear which of 4 runs of d t2v is to be judged" in refused.stderr


@pytest.mark.parametrize("fault", ["bit", "vectors", "no parquet", "folder"])
def test_a_file_that_is_none_is_one_sentence(cmr, root, saved, tmp_path, fault):
    path = tmp_path / "base.parquet"
    path.write_bytes(saved)
    if fault == "bit":
        table = pq.read_table(path)
        above = table["above"].to_pylist()
        above[0] += 1
        place = table.schema.get_field_index("above")
        pq.write_table(table.set_column(place, table.schema.field(place), [above]), path)
    elif fault == "vectors":
        pq.write_table(pq.read_table(path).replace_schema_metadata(None), path)
    elif fault == "no parquet":
        path.write_bytes(b"PAR1 this is none")
    else:
        path.unlink()
        path.mkdir()
    refused = cmr("gate", "precision=int8", "--baseline", path, "-w", root, code=1)
    assert refused.stderr.startswith("cmr: ")
    assert refused.stderr.count("\n") == 1
    assert str(path) in refused.stderr


def test_wrong_requests_are_one_sentence(cmr, root, tmp_path):
    for args, why in (
        (("gate", "precision=int8"), "--baseline names what the run is held against"),
        (("gate", "precision=int8", "--baseline", "none.parquet"), "there is no file none.parquet"),
        (("gate", "precision=int8", "--baseline", "precision=fp32", "--measure", "fame"),
         "'fame' is no measure of a gate"),
        (("gate", "precision=int8", "--baseline", "precision=fp32", "--k", "7"),
         "recall at K = 7 is not known of both runs"),
        (("gate", "--save", tmp_path / "x"), "--save writes the run that is named before it"),
        (("gate", "direction=t2v", "--save", tmp_path / "x"),
         "means several runs of d t2v; name also precision"),
    ):  # fmt: skip
        refused = cmr(*args, "-w", root, code=1)
        assert why in refused.stderr
        assert refused.stderr.count("\n") == 1
    with pytest.raises(CmrError, match="the margin is a loss from 0 to less than 1"):
        GatedBy(margin=-0.1)


@pytest.mark.slow
def test_formats_escape_what_the_data_says(cmr, root, tmp_path):
    asked = ("gate", "precision=int4", "--baseline", "precision=fp32", "-w", root)
    marked = cmr(*asked, "--format", "markdown", code=1).stdout
    assert marked.startswith("### The gate fails (margin 0.005)\n")
    assert r"\<m\|1\> 8 native int4" in marked
    rows = [line for line in marked.splitlines() if line.startswith("| d ")]
    assert len(rows) == 2
    path = tmp_path / "junit.xml"
    cmr(*asked, "--format", "junit", "--output", path, code=1)
    suite = ElementTree.parse(path).getroot()
    assert (suite.get("tests"), suite.get("failures"), suite.get("errors")) == ("2", "2", "0")
    undecided = cmr("gate", "precision=int8", *asked[2:], "--format", "junit", code=3).stdout
    suite = ElementTree.fromstring(undecided.encode())
    assert (suite.get("failures"), suite.get("errors")) == ("0", "2")
    assert {case[0].get("type") for case in suite} == {"undecided"}


@pytest.mark.slow
@pytest.mark.usefixtures("no_answer")
def test_every_slice_is_judged(cmr, tmp_path):
    """A loss in one slice fails, though all together pass; a small slice decides nothing."""
    texts = 400
    of = np.array(["cat", "dog", "owl"])[np.minimum(np.arange(texts) // 190, 2)]
    rng = np.random.default_rng(3)
    arrays = {
        "text_16": rng.standard_normal((texts, 16)).astype(np.float32),
        "video_16": np.zeros((texts, 16), np.float32),
        "ground_truth": np.arange(texts),
    }
    arrays["video_16"] = arrays["text_16"] + 0.01 * rng.standard_normal((texts, 16))
    worse = arrays["text_16"].copy()
    # Three tenths of the dogs are taken for others.
    lost = (of == "dog") & (rng.random(texts) < 0.3)
    worse[lost] = rng.standard_normal((int(lost.sum()), 16))
    ids = tmp_path / "ids.csv"
    ids.write_text("item_id,kind\n" + "".join(f"{n},{kind}\n" for n, kind in enumerate(of)))
    for model, vectors in (("base", arrays["text_16"]), ("worse", worse)):
        np.savez(tmp_path / f"{model}.npz", **(arrays | {"text_16": vectors}))
        cmr("ingest", "npz", tmp_path / f"{model}.npz", "--text-ids", ids, "--dataset", "d",
            "--model-name", model, "-w", tmp_path / "w")  # fmt: skip
    cmr("evaluate", "--dims", "16", "--precisions", "fp32", "--directions", "t2v",
        "--protocols", "full", "-w", tmp_path / "w")  # fmt: skip
    asked = ("gate", "model=worse", "--baseline", "model=base", "--margin", "0.2", "-w",
             tmp_path / "w")  # fmt: skip
    assert "The gate passes" in cmr(*asked).stdout
    found = json.loads(cmr(*asked, "--by", "kind", "--format", "json", code=1).stdout)
    assert {row["slice"]: row["outcome"] for row in found["rows"]} == {
        None: "pass", "cat": "pass", "dog": "fail", "owl": "skipped",
    }  # fmt: skip
    said = cmr(*asked, "--by", "kind", code=1).stdout
    assert "d t2v, owl, recall@10: 20 visual items are too few to decide." in said
    refused = cmr(*asked, "--by", "sort", code=1)
    assert "no attribute is called 'sort'; there are " in refused.stderr


def test_a_file_of_other_judgments_is_refused(root, tmp_path, monkeypatch):
    """Under the same name, after they were replaced: their counts are of other pairs."""
    store, path = api.open(str(root)).store, tmp_path / "base.parquet"
    path.write_bytes(as_baseline(store, "precision=fp32")[1])
    kept = baseline_file.load(str(path))
    assert gate(store, str(path), "precision=int8")
    rows = [{**row, "qrels_fingerprint": "of others"} for row in kept.rows]
    monkeypatch.setattr(baseline_file, "load", lambda _: replace(kept, rows=rows))
    with pytest.raises(CmrError, match="the judgments 'default' of d are not those of "):
        gate(store, str(path), "precision=int8")


def test_in_sample_ranks_are_not_in_a_file(cmr, root, saved, tmp_path):
    path = tmp_path / "base.parquet"
    path.write_bytes(saved)
    refused = cmr("gate", "precision=int8", "--baseline", path, "--in-sample", "-w", root, code=1)
    assert "holds the ranks on which claims are based, not in-sample ones" in refused.stderr


@pytest.mark.slow
def test_one_failure_fails(root):
    store = api.open(str(root)).store
    found = gate(store, "precision=fp32", "precision=int8", GatedBy(0.05, ("recall", "mrr")))
    assert overall(found) is Outcome.PASS
    worse = gate(store, "precision=fp32", "precision=int4", GatedBy(0.05))
    assert overall([*found, *worse]) is Outcome.FAIL
    rows, data = as_baseline(store, "precision=fp32,direction=t2v")
    assert [row["run_id"] for row in rows] == ["0t2v"]
    assert data[:4] == b"PAR1"


@pytest.mark.slow
def test_error_rates_at_the_edge(tmp_path):
    """A run that loses exactly the margin passes or fails in at most 2.5% of samples each."""
    margin, samples, items = 0.1, 24, 100
    warehouse, rng = new(tmp_path / "w"), np.random.default_rng(5)
    relevance = np.eye(items, dtype=int)
    outcomes = []
    for sample in range(samples):
        add_dataset(warehouse, f"d{sample}", relevance)
        hits = rng.random(items) < 0.8
        flips = rng.random(items)
        # .8 of the queries lose .15 of their hits, .2 win .1: a loss of .1 on average.
        lost, won = hits & (flips < 0.15), ~hits & (flips < 0.1)
        for number, ranked in enumerate((hits, (hits & ~lost) | won)):
            found = np.tile(np.linspace(0, 1, items, dtype=np.float32), (items, 1))
            found[np.diag_indices(items)] = np.where(ranked, 2.0, -1.0)
            add_run(warehouse, f"{number}-{sample}-", f"d{sample}", found, relevance,
                    precision=("fp32", "int8")[number])  # fmt: skip
    for one in gate(warehouse, "precision=fp32", "precision=int8", GatedBy(margin)):
        outcomes.append(one.outcome)
    # Binomial: more than 3 of 24 at 2.5% happens in one of 300 samples such as this, seeded, one.
    assert outcomes.count(Outcome.PASS) <= 3
    assert outcomes.count(Outcome.FAIL) <= 3
    assert len(outcomes) == samples
