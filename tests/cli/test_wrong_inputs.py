"""A user's mistake: exit code 1, one sentence on stderr, and nothing changed."""

from __future__ import annotations

import os

import numpy as np
import pytest

from tests.conftest import npz_arrays, snapshot, unanswered

ARRAYS = npz_arrays()
TEXT = ARRAYS["text_40"]


def with_row(array, value):
    changed = array.copy()
    changed[3] = value
    return changed


def truth(**changes):
    array = ARRAYS["ground_truth"].copy()
    array[7] = changes["seventh"]
    return array


BAD_ARRAYS = {
    "pickled": ({"ground_truth": np.array([{}] * 60, dtype=object)}, "pickled objects"),
    "beyond": ({"ground_truth": truth(seventh=30)}, "ground_truth[7] is 30"),
    "negative": ({"ground_truth": truth(seventh=-1)}, "ground_truth[7] is -1"),
    "float": ({"ground_truth": ARRAYS["ground_truth"].astype(float)}, "expected integers"),
    "short": ({"ground_truth": ARRAYS["ground_truth"][:-1]}, "shape (59,)"),
    "no truth": ({"ground_truth": None}, "lacks ground_truth"),
    "nan": ({"text_40": with_row(TEXT, np.nan)}, "text item '3' is NaN"),
    "infinite": ({"text_40": with_row(TEXT, np.inf)}, "text item '3' is NaN or infinite"),
    "zero": ({"text_40": with_row(TEXT, 0)}, "text item '3' is zero"),
    "one side": ({"video_40": None}, "lacks video_40"),
    "rows differ": ({"text_16": ARRAYS["text_16"][:-1]}, "differ in rows"),
    "wrong width": ({"text_40": TEXT[:, :-1]}, "expected (rows, 40)"),
    "integers": ({"text_40": TEXT.astype(int)}, "expected floating point"),
}


def refused(result, words):
    message = result.stderr.strip()
    assert result.stdout == ""
    assert message.startswith("cmr: ")
    assert "Traceback" not in message
    assert len(message.splitlines()) == 1, message
    assert words in message


@pytest.mark.parametrize("name", BAD_ARRAYS)
def test_npz(cmr, npz, tmp_path, name):
    changes, words = BAD_ARRAYS[name]
    path = npz(**changes)
    root = tmp_path / "w"
    refused(cmr("ingest", "npz", path, "-w", root, code=1), words)
    assert not root.exists()


def test_files_that_are_no_npz(cmr, tmp_path):
    root = tmp_path / "w"
    for name, data in (("a.npz", b"PK\x03\x04 cut"), ("b.npz", b""), ("c.npz", b"text")):
        (tmp_path / name).write_bytes(data)
        result = cmr("ingest", "npz", tmp_path / name, "-w", root, code=1)
        refused(result, "not a readable .npz")
    refused(cmr("ingest", "npz", tmp_path / "none.npz", "-w", root, code=1), "there is no file")
    assert not root.exists()


@pytest.fixture
def evaluated(evaluated_with):
    return evaluated_with("--dims", "16", "--precisions", "int8", "--candidates", "10")


BAD_REQUESTS = {
    "large C": (("--candidates", "10,31"), "C = 31 is more than the gallery of 30"),
    "small C": (("--candidates", "2"), "cannot hold the"),
    "precision": (("--precisions", "int3"), "unknown precision 'int3'"),
    "method": (("--dim-methods", "magic"), "unknown dimension method 'magic'"),
    "dataset": (("--dataset", "x"), "there is no data set 'x'; there are: d"),
    "model": (("--model", "x"), "no vectors by the model 'x'"),
    "device": (("--device", "cuda:7", "--force"), "there is no device 'cuda:7'"),
    "memory": (("--memory", "1M", "--force"), "--memory must be at least"),
}


@pytest.mark.parametrize("name", BAD_REQUESTS)
def test_evaluate(cmr, evaluated, name):
    before = snapshot(evaluated)
    extra, words = BAD_REQUESTS[name]
    base = ("evaluate", "-w", evaluated, "--dims", "16", "--precisions", "int8")
    candidates = () if "--candidates" in extra else ("--candidates", "10")
    refused(cmr(*base, *candidates, *extra, code=1), words)
    assert snapshot(evaluated) == before


def test_warehouse_that_is_a_file(cmr, npz, tmp_path):
    root = tmp_path / "w"
    root.write_text("mine")
    refused(cmr("ingest", "npz", npz(), "-w", root, code=1), "is a file, not a folder")
    refused(cmr("evaluate", "-w", root, code=1), "is a file, not a folder")
    refused(cmr("sql", "select 1", "-w", root, code=1), "is a file, not a folder")
    assert root.read_text() == "mine"


def test_no_warehouse(cmr, tmp_path):
    for command in (("evaluate",), ("sql", "select 1"), ("report",), ("doctor",)):
        refused(cmr(*command, "-w", tmp_path / "none", code=1), "there is no warehouse at")
    assert not (tmp_path / "none").exists()


def test_read_only_warehouse(cmr, npz, evaluated):
    before = snapshot(evaluated)
    os.chmod(evaluated, 0o555)
    try:
        base = ("evaluate", "-w", evaluated, "--dims", "24", "--candidates", "10")
        refused(cmr(*base, code=1), "read-only")
        path = npz("more.npz")
        refused(cmr("ingest", "npz", path, "-w", evaluated, "--dataset", "e", code=1), "read-only")
        assert cmr("sql", "select count(*) from runs", "-w", evaluated).exit_code == 0
    finally:
        os.chmod(evaluated, 0o755)
    assert snapshot(evaluated) == before


DAMAGES = [
    (table, damage)
    for table in ("ranks", "runs", "items", "embeddings", "datasets")
    for damage in ("truncated", "emptied", "removed")
    # Without its catalogue row a run or a data set does not exist: that is no damage.
    if damage != "removed" or table not in ("runs", "datasets")
]


@pytest.mark.slow
@pytest.mark.parametrize(("table", "damage"), DAMAGES)
def test_damaged_warehouse(cmr, evaluated, table, damage):
    """A broken file is named, by sql, by evaluate and by doctor; what does not need it is told."""
    path = next(
        p
        for p in sorted((evaluated / table).rglob("*.parquet"))
        if not p.name.startswith("_") and (table != "embeddings" or "precision=int8" in str(p))
    )
    if damage == "removed":
        path.unlink()
    else:
        path.write_bytes(path.read_bytes()[: 200 if damage == "truncated" else 0])
    before = snapshot(evaluated)
    query, count = {
        "ranks": ("select count(distinct run_id) from metrics", 1),
        "runs": ("select count(distinct run_id) from metrics", 1),
        "items": ("select count(item_id) from items", 0),
        "embeddings": ("select count(distinct set_id) from embeddings", 5),
        "datasets": ("select count(*) from metrics", 0),
    }[table]
    asked = ("sql", query, "--format", "csv", "-w", evaluated)
    done = cmr(*asked)
    assert done.stdout.splitlines()[1:] == [str(count)]
    assert all(line.startswith("cmr: ") for line in done.stderr.splitlines())
    assert path.name in done.stderr
    other = "runs" if table == "embeddings" else "embeddings"
    rest = f"select count(distinct dataset) as n from {other}"
    assert cmr("sql", rest, "--format", "csv", "-w", evaluated).stdout == "n\n1\n"
    assert path.name in cmr("doctor", "-w", evaluated, code=1).stderr
    assert snapshot(evaluated) == before
    # What it cannot do without the file is an error; what it can make again it makes.
    fatal = table in ("items", "datasets") or (table, damage) == ("ranks", "removed")
    command = ("evaluate", "-w", evaluated, "--dims", "16", "--precisions", "int8", "--candidates",
               "10")  # fmt: skip
    result = cmr(*command, code=int(fatal))
    assert (path.name in result.stderr) == (table != "embeddings")
    assert "Traceback" not in result.stderr
    if fatal:
        assert snapshot(evaluated) == before
    elif table in ("embeddings", "ranks"):
        # It is there already, so only what is forced reads vectors and writes ranks.
        with unanswered():
            cmr(*command, "--force")
    if table in ("ranks", "runs", "embeddings") and not fatal:
        assert cmr(*asked).stdout.splitlines()[1:] == [str(count + 1)]
        assert cmr("doctor", "-w", evaluated).exit_code == 0


def test_usage_errors_are_code_2(cmr):
    assert "No such option" in cmr("evaluate", "--nonsense", code=2).stderr
    assert "is not in the range" in cmr("evaluate", "--dims", "0", code=2).stderr
    assert "list is empty" in cmr("evaluate", "--dims", ",", code=2).stderr
