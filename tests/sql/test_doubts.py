"""Each classic mistake, made on purpose, is told in plain words; sound data raises no doubt."""

from __future__ import annotations

import numpy as np
import pytest

from cmr.materialised import open_for
from cmr.report.flattered import FLATTERED, flattered_sentence
from cmr.report.subject import Subject
from cmr.sqlfiles import view_names
from cmr.warehouse.schemas import DATASETS, EMBEDDING_SETS, RUNS
from cmr.warehouse.store import Store
from tests import warehouses

TEXTS, VISUALS = 300, 100
TRUTH = np.arange(TEXTS) % VISUALS


@pytest.fixture
def make(no_answer, cmr, npz, tmp_path):
    """Ingest vectors through the command line and score them, in both directions."""

    def run(truth=TRUTH, text_of=TRUTH, change=None):
        rng = np.random.default_rng(0)
        visual = rng.standard_normal((VISUALS, 40)).astype(np.float32)
        text = visual[text_of] + 0.8 * rng.standard_normal((TEXTS, 40)).astype(np.float32)
        if change:
            change(visual, text)
        none = dict.fromkeys(("text_16", "video_16"))
        path = npz(text_40=text, video_40=visual, ground_truth=truth, **none)
        root = tmp_path / "w"
        cmr("ingest", "npz", path, "-w", root, "--dataset", "d")
        cmr("evaluate", "-w", root, "--dims", "40", "--precisions", "fp32,int8",
            "--candidates", "50", "--hits", "3")  # fmt: skip
        return Store.open(str(root))

    return run


def doubts(warehouse):
    names = view_names("doubts")
    # As doctor asks: what evaluate kept of the metrics is not computed again.
    con = open_for(warehouse, "from " + ", ".join(names))
    found = {name: con.execute(f"from {name}").to_arrow_table().to_pylist() for name in names}
    return {name: rows for name, rows in found.items() if rows}


@pytest.mark.slow
def test_none_about_sound_data(make):
    assert doubts(make()) == {}


@pytest.mark.slow
def test_vectors_in_another_order(make):
    """A shuffled gallery: nothing is found, by any run."""
    found = doubts(make(truth=np.random.default_rng(1).permutation(TRUTH)))
    assert set(found) == {"doubt_near_chance"}
    assert {(row["direction"], row["precision"]) for row in found["doubt_near_chance"]} == {
        (way, precision) for way in ("t2v", "v2t") for precision in ("fp32", "int8")
    }
    assert "in a different order" in found["doubt_near_chance"][0]["says"]


@pytest.mark.slow
def test_a_shifted_gallery(make):
    """One visual was dropped at the top: all that follow stand one row too early."""
    found = doubts(make(truth=(TRUTH + 1) % VISUALS))
    assert "doubt_near_chance" in found
    shifts = found["doubt_shifted"]
    assert {row["shift"] for row in shifts} == {-1}
    assert "-1 rows from the relevant item" in shifts[0]["says"]


def test_one_direction_by_its_inverse(tmp_path):
    """Judgments of one direction that are mapped by the inverse find nothing."""
    rng = np.random.default_rng(2)
    relevance = np.eye(200, dtype=int)
    scores = relevance * 3 + rng.normal(size=relevance.shape)
    warehouse = warehouses.new(tmp_path)
    warehouses.add_dataset(warehouse, "d", relevance)
    warehouses.add_run(warehouse, "a", "d", scores, relevance)
    warehouses.add_run(warehouse, "b", "d", scores[rng.permutation(200)], relevance, "v2t")
    (row,) = doubts(warehouse)["doubt_one_direction"]
    assert (row["good"], row["bad"]) == ("t2v", "v2t")
    assert "are inverted" in row["says"]


@pytest.mark.slow
def test_pictures_that_were_not_loaded(make):
    """An encoder that saw blanks gives one vector to many."""

    def blank(visual, text):
        visual[:30] = visual[0]

    found = doubts(make(change=blank))
    (row,) = found["doubt_equal_vectors"]
    assert (row["items"], row["modality"]) == (30, "visual")
    assert "really loaded" in row["says"]


@pytest.mark.slow
def test_captions_that_stand_with_several_visuals(make):
    warehouse = make()
    row = warehouse.find(DATASETS, "d")
    for name in row["files"]:
        if "modality=text" in name:
            warehouses.rewrite(
                warehouse, DATASETS, row, name,
                lambda items: [
                    item | {"text": "A dog" if n < 10 else f"caption {n}"}
                    for n, item in enumerate(items)
                ],
            )  # fmt: skip
    (row,) = doubts(warehouse)["doubt_captions"]
    assert row["captions"] == 10
    assert "a dog" in row["says"]


@pytest.mark.slow
def test_vectors_that_are_not_of_unit_length(make):
    warehouse = make()
    native = next(
        row
        for row in warehouse.catalogue(EMBEDDING_SETS)
        if row["modality"] == "visual" and row["precision"] == "fp32"
    )
    (name,) = native["files"]

    def longer(rows):
        rows[7]["vector"] = [2 * x for x in rows[7]["vector"]]
        return rows

    warehouses.rewrite(warehouse, EMBEDDING_SETS, native, name, longer)
    (row,) = doubts(warehouse)["doubt_lengths"]
    assert row["item_id"] == "7"
    assert row["length"] == pytest.approx(2, abs=1e-5)


@pytest.mark.parametrize(("won", "lost", "told"), [(12, 0, True), (12, 1, True), (9, 0, False)])
def test_a_basis_that_has_not_seen_the_queries_finds_more(tmp_path, won, lost, told):
    """Of 60 queries so many enter the top 10 held out, and leave it: told beyond 3 errors."""
    warehouse = warehouses.new(tmp_path)
    truth = np.eye(60, dtype=int)
    warehouses.add_dataset(warehouse, "d", truth)
    scores = np.random.default_rng(0).normal(size=truth.shape)
    warehouses.add_run(warehouse, "r", "d", scores, truth, folds=5, dim_method="pca", dim=4)
    for table, first, last in (("ranks", 0, lost), ("held_out_ranks", lost, lost + won)):
        (row,) = warehouse.catalogue(RUNS)
        (name,) = [file for file in row["files"] if file.startswith(f"{table}/")]
        warehouses.rewrite(
            warehouse, RUNS, row, name,
            lambda rows, first=first, last=last: [
                {**one, "above": 3 if first <= at < last else 20} for at, one in enumerate(rows)
            ],
        )  # fmt: skip
    found = doubts(warehouse).get("doubt_flattered_basis", [])
    assert len(found) == told
    subject = Subject("d", "default", "m", "torch")
    said = flattered_sentence(open_for(warehouse, f"from {FLATTERED}"), subject)
    assert (said is not None) == told
    for row in found:
        assert row["cross_fitted"] == pytest.approx(won / 60)
        assert row["in_sample"] == pytest.approx(lost / 60)
        assert "4 pca fp32" in said
        assert f"{100 * (won - lost) / 60:.2f} points" in said


def test_every_doubt_is_planted_here():
    assert set(view_names("doubts")) == {
        "doubt_near_chance", "doubt_shifted", "doubt_one_direction", "doubt_equal_vectors",
        "doubt_captions", "doubt_lengths", "doubt_few_vectors", "doubt_flattered_basis",
    }  # fmt: skip


@pytest.mark.slow
def test_fits_on_few_vectors(make, cmr):
    """400 vectors are ten for each of 40 dimensions; the gallery's own are 100 and 300."""
    warehouse = make()
    quantizers = ("--precisions", "int8", "--quantizer", "calibrated", "--candidates", "50")
    cmr("evaluate", "-w", warehouse.root, "--dims", "16,40", *quantizers)
    cmr("evaluate", "-w", warehouse.root, "--dims", "4", "--dim-methods", "random", *quantizers)
    found = doubts(warehouse)["doubt_few_vectors"]
    told = [[row[name] for name in ("dim", "dim_method", "vectors", "learnt_dim")] for row in found]
    assert told == [[16, "pca", 400, 40], [40, "native", 100, 40]]
    assert "10.0 per dimension" in found[0]["says"]


@pytest.mark.slow
def test_near_chance_by_the_interval(tmp_path):
    """Not certainly above chance, or certainly hardly; no weak run that is clearly above it."""
    rng = np.random.default_rng(3)
    relevance = np.eye(400, dtype=int)
    warehouse = warehouses.new(tmp_path)
    warehouses.add_dataset(warehouse, "d", relevance)
    for name, share in (("none", 0), ("few", 0.01), ("weak", 0.03), ("good", 0.5)):
        found = rng.permutation(400) < share * 400
        scores = rng.normal(size=relevance.shape) + relevance * 9 * found[:, None]
        warehouses.add_run(warehouse, name, "d", scores, relevance, model=name)
    rows = doubts(warehouse)["doubt_near_chance"]
    assert {row["run_id"] for row in rows} == {"none", "few"}
    for row in rows:
        assert row["ci_low"] <= row["chance"] or row["ci_high"] < 1.5 * row["chance"]
        assert "over the whole gallery, 95% interval" in row["says"]


@pytest.mark.slow
def test_doctor_tells_them_once(cmr, make):
    """A line for each direction, not for each precision and C; also where a check fails."""
    warehouse = make(truth=(TRUTH + 1) % VISUALS)
    row = warehouse.catalogue(RUNS)[0]
    (name,) = [file for file in row["files"] if file.startswith("ranks/")]
    warehouses.rewrite(warehouse, RUNS, row, name, lambda rows: [rows[0] | {"tied": -1}, *rows[1:]])
    result = cmr("doctor", "-w", warehouse.root, code=1)
    assert "check_ranks_range" in result.stderr
    lines = [line for line in result.stdout.splitlines() if line.startswith("doubt_")]
    told = [
        ("doubt_near_chance: d data t2v", "; 1 more: cmr sql"),
        ("doubt_near_chance: d data v2t", "; 1 more: cmr sql"),
        ("doubt_shifted: d data t2v", "one side is shifted; 1 more: cmr sql"),
    ]
    assert len(lines) == len(told)
    for line, (start, end) in zip(lines, told, strict=True):
        assert line.startswith(start), lines
        assert end in line, lines
