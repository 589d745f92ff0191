"""`cmr study`: a file's steps run as the commands would, and resume; mistakes are one sentence."""

from __future__ import annotations

import tomllib

import numpy as np
import pytest

import cmr as package
from cmr.cli.study_file import EXAMPLE
from cmr.warehouse.schemas import DATASETS, RUNS
from cmr.warehouse.store import Store
from tests.conftest import npz_arrays, snapshot

STUDY = """
warehouse = "w"
[recommend]
retain = 0.5
[[evaluate]]
dims = [8, 16]
precisions = ["fp32", "int8"]
protocols = "full"
[[ingest]]
source = "npz"
path = "data.npz"
dataset = "d"
model-name = "m"
"""
GATE = """
[gate]
run = "precision=int8,dim=16"
baseline = "precision=fp32,dim=16"
margin = 0.0
"""


@pytest.fixture
def place(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    np.savez("data.npz", **npz_arrays(texts=60, visuals=40, dims=(16,)))
    return tmp_path


@pytest.mark.slow
def test_steps_run_in_order_and_resume(cmr, place):
    (place / "s.toml").write_text(STUDY)
    planned = cmr("study", "s.toml", "--dry-run")
    assert "1. cmr ingest npz data.npz --dataset d --model-name m --warehouse w" in planned.stdout
    assert "the data are not there yet" in planned.stdout
    assert not (place / "w").exists()
    done = cmr("study", "s.toml")
    command = "cmr evaluate --dims 8,16 --precisions fp32,int8 --protocols full --warehouse w"
    assert f"step 2 of 3: {command}\n" in done.stderr
    assert "Fewest bytes a vector that keep 50.0%" in done.stdout
    assert len(Store.open("w").catalogue(RUNS)) == 8
    before = snapshot(place / "w" / "ranks")
    again = cmr("study", "s.toml")
    assert "8 runs of m on d: all exist already" in again.stderr
    assert snapshot(place / "w" / "ranks") == before
    planned = cmr("study", "s.toml", "--dry-run").stdout
    assert "d is there, with vectors of m" in planned
    assert "m on d: 4 representations, 9,600 scores; scoring takes about 1 s" in planned


@pytest.mark.slow
def test_the_exit_code_is_that_of_the_step_that_fails(cmr, place):
    (place / "s.toml").write_text(STUDY + GATE)
    done = cmr("study", "s.toml", code=3)
    assert "step 4 of 4 ended with exit code 3; the same command resumes" in done.stderr
    (place / "s.toml").write_text(STUDY.replace("data.npz", "none.npz"))
    done = cmr("study", "s.toml", code=1)
    assert "step 1 of 3 ended with exit code 1" in done.stderr
    assert "none.npz" in done.stderr


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("warehouse = 3", "warehouse is a path, not 3"),
        ("[evaluation]", "there is no step 'evaluation'; did you mean 'evaluate'?"),
        ("[evaluate]\nprecision = 'fp32'", "there is no option 'precision'; did you mean"),
        ("evaluate = 3", "a step is a table of options, not 3"),
        ("[ingest]\npath = 'x'", "names no source"),
        ("[ingest]\nsource = 'nope'", "has no source 'nope'"),
        ("[evaluate]\nforce = 'yes'", "force is true or false, not 'yes'"),
        ("[evaluate]\ndims = [{a = 1}]", "dims is a text, a number or a list of them"),
        ("warehouse = 'w'", "has no step; there are ingest"),
        ("[evaluate", "is not TOML: "),
    ],
)
def test_mistakes_in_the_file_are_one_sentence(cmr, place, text, why):
    (place / "s.toml").write_text(text)
    refused = cmr("study", "s.toml", code=1)
    assert why in refused.stderr
    assert refused.stderr.startswith("cmr: ")
    assert refused.stderr.count("\n") == 1
    assert not (place / "w").exists()


def test_a_wrong_value_is_the_commands_own_sentence(cmr, place):
    (place / "s.toml").write_text("[evaluate]\nk = 0")
    assert "step 1 of 1: " in cmr("study", "s.toml", code=1).stderr


def test_init_writes_what_reads(cmr, place):
    said = cmr("study", "init").stdout
    assert "run `cmr study study.toml`" in said
    assert (place / "study.toml").read_text() == EXAMPLE
    assert tomllib.loads(EXAMPLE)["evaluate"]
    (place / "data.npz").rename(place / "vectors.npz")
    assert "1. cmr ingest npz vectors.npz" in cmr("study", "study.toml", "--dry-run").stdout
    # What is commented out reads, too.
    every = "\n".join(
        line.removeprefix("# ") if line.startswith(("# [", "# ")) and ("=" in line or "[" in line)
        else line
        for line in EXAMPLE.split("\n")[4:]
    )  # fmt: skip
    assert set(tomllib.loads(every)) >= {"ingest", "evaluate", "bench", "gate"}
    assert "exists already" in cmr("study", "init", code=1).stderr
    assert "not also other" in cmr("study", "study.toml", "other", code=1).stderr


INGEST = """
[[ingest]]
source = "npz"
path = "data.npz"
dataset = "d"
"""


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("[ingest]\nsource = 'npz'\npath = 'none.npz'", "file is none.npz, and there is no such"),
        ("[ingest]\nsource = 'npz'", "Missing argument"),
        ("[evaluate]\nprecisions = ['int9']", "int9"),
        ("[evaluate]\ndims = [0]", "0"),
        ("[evaluate]\ndims = [20]\nprecisions = ['pq64']", "64 equal parts, which 20 dimensions"),
        ("[evaluate]\nscorer = 'faiss-hsnw'", "faiss-hnsw"),
        ("[evaluate]\nprotocols = ['grouped']\ndirections = ['t2v']", "is of v2t alone"),
        ("[evaluate]\nk = 0", "0 is not in the range of whole numbers from 1"),
        ("[ingest]\nsource = 'pairs'\npath = 'data.npz'", "the source 'pairs' needs --model"),
        ("[evaluate]\nrescore = 'int8'\nprecisions = ['fp32']", "is no finer than fp32"),
        ("[evaluate]\ndataset = 'e'", "there is no data set 'e', and no step ingests it"),
        ("[bench]\nscorers = ['nope']", "nope"),
        ("[recommend]\nretain = 7", "retain"),
        ("[gate]\nrun = 'dims=3'\nbaseline = 'dim=4'", "'dims' is not a setting of a run"),
        ("[gate]\nrun = 'dim=3'\nbaseline = 'none.parquet'", "baseline is none.parquet"),
        ("[ingest]\nsource = 'pairs'\npath = 'data.npz'\nmodel = 'ViT-B-99'\npretrained = 'x'",
         "did you mean ViT-B-32"),
    ],
)  # fmt: skip
def test_a_dry_run_checks_every_value(cmr, place, text, why):
    """One sentence that names the step, and nothing is printed or written."""
    first = "" if text.startswith("[ingest]") else INGEST
    (place / "s.toml").write_text(f"{first}{text}\n")
    refused = cmr("study", "s.toml", "--dry-run", code=1)
    assert why in refused.stderr
    assert refused.stderr.startswith("cmr: step ")
    assert refused.stderr.count("\n") == 1
    assert not refused.stdout
    assert not (place / "warehouse").exists()


def test_a_dry_run_on_data_that_are_there(cmr, place):
    """They are measured as they are: a pool that they cannot have is found before."""
    (place / "s.toml").write_text(INGEST)
    cmr("study", "s.toml")
    (place / "s.toml").write_text(f"{INGEST}[evaluate]\ncandidates = 999\n")
    refused = cmr("study", "s.toml", "--dry-run", code=1)
    assert "step 2 of 2: C = 999 is more than the gallery" in refused.stderr


@pytest.mark.slow
def test_from_python(place):
    (place / "s.toml").write_text(INGEST)
    planned = package.study("s.toml", dry_run=True)
    assert planned.exit_code == 0
    assert str(planned).startswith("1. cmr ingest npz data.npz --dataset d")
    assert not (place / "warehouse").exists()
    done = package.study(place / "s.toml")
    assert "step 1 of 1: " in done.messages
    assert [row["dataset"] for row in Store.open("warehouse").catalogue(DATASETS)] == ["d"]
    (place / "s.toml").write_text("[evaluate]\nprecisions = 'int9'")
    with pytest.raises(package.CmrError, match=r"step 1 of 1: .*int9"):
        package.study("s.toml", dry_run=True)
