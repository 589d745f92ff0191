"""`cmr slurm`: what the scripts say, and jobs of a real Slurm that end in the same rows."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from tests.conftest import npz_arrays
from tests.pipeline.test_interrupted import rows
from tests.slurm import slurm as slurm

on_a_cluster = pytest.mark.skipif(
    not os.environ.get("CMR_CLUSTER_TESTS"),
    reason="starts a Slurm of its own; CMR_CLUSTER_TESTS=1 runs it",
)

GRID = ("--dims", "16", "--precisions", "int8,fp16", "--candidates", "20")


def test_the_array_script(cmr):
    said = cmr("slurm", "--shards", "4", "--conda", "cmr", "--module", "cuda/12", "--time", "1:00",
               "--sbatch", "--qos=long", "evaluate", "-w", "s3://l/a b", *GRID).stdout  # fmt: skip
    for line in (
        "#SBATCH --array=0-3",
        "#SBATCH --time=1:00",
        "#SBATCH --qos=long",
        "module load cuda/12",
        "conda activate cmr",
        "merge) exec cmr evaluate -w 's3://l/a b' --dims 16 --precisions int8,fp16 "
        "--candidates 20 --merge ;;",
    ):
        assert line in said.splitlines()
    assert '--shard "$SLURM_ARRAY_TASK_ID/4"' in said
    subprocess.run(["bash", "-n"], input=said, text=True, check=True)


def test_the_ray_script(cmr):
    said = cmr("slurm", "--mode", "ray", "--nodes", "3", "--gpus", "2", "--venv", "/opt/e",
               "ingest", "coco", "--images", "x.zip").stdout  # fmt: skip
    assert "#SBATCH --nodes=3" in said
    assert "source /opt/e/bin/activate" in said
    assert '--exclude="$head"' in said
    assert said.count("--num-gpus=2 --block") == 2
    assert said.rstrip().endswith('--engine ray --ray-address "$head:$port"')
    subprocess.run(["bash", "-n"], input=said, text=True, check=True)


@pytest.mark.parametrize(
    ("given", "says"),
    [
        (("--mode", "array", "ingest", "coco"), "a job array is for evaluate"),
        (("evaluate", "--merge"), "leave out --merge"),
        (("--mode", "ray", "report"), "has no --engine ray"),
        ((), "say which command"),
    ],
)
def test_what_cannot_run_so(cmr, given, says):
    assert says in cmr("slurm", *given, code=1).stderr


def test_without_slurm(cmr, monkeypatch):
    monkeypatch.setenv("PATH", "/nowhere")
    assert "no sbatch" in cmr("slurm", "--submit", "evaluate", code=1).stderr


@pytest.fixture
def bin_folder(tmp_path, monkeypatch):
    """An environment to activate, whose `cmr` and `ray` are those under test."""
    folder = tmp_path / "venv" / "bin"
    folder.mkdir(parents=True)
    folder.joinpath("activate").write_text(f'export PATH="{folder}:$PATH"\n')
    for name, module in (("cmr", "cmr"), ("ray", "ray.scripts.scripts")):
        program = folder / name
        program.write_text(f'#!/bin/sh\nexec {sys.executable} -m {module} "$@"\n')
        program.chmod(0o755)
    return folder.parent


def logs(folder: Path) -> str:
    return "\n".join(f"{path.name}: {path.read_text()[-1500:]}" for path in folder.glob("*.log"))


@on_a_cluster
def test_real_jobs(cmr, slurm, tmp_path, bin_folder):
    """Prepare, an array of two shards, merge; the rows are those of one local command."""
    data = tmp_path / "d.npz"
    np.savez(data, **npz_arrays())
    for name in ("here", "there"):
        cmr("ingest", "npz", data, "-w", tmp_path / name)
    cmr("evaluate", *GRID, "-w", tmp_path / "here")
    result = cmr("slurm", "--submit", "--shards", "2", "--venv", bin_folder, "--logs", tmp_path,
                 "evaluate", *GRID, "-w", tmp_path / "there")  # fmt: skip
    assert [line.split()[1] for line in result.stderr.splitlines()] == [
        "prepare:",
        "count:",
        "merge:",
    ]
    slurm()
    assert rows(tmp_path / "there") == rows(tmp_path / "here"), logs(tmp_path)


@on_a_cluster
def test_a_real_ray_job(cmr, slurm, tmp_path, bin_folder):
    """Ray over the allocation; the rows are those of one local command."""
    pytest.importorskip("ray", reason="needs Ray (the extra ray)")
    data = tmp_path / "d.npz"
    np.savez(data, **npz_arrays())
    for name in ("here", "there"):
        cmr("ingest", "npz", data, "-w", tmp_path / name)
    cmr("evaluate", *GRID, "-w", tmp_path / "here")
    cmr("slurm", "--submit", "--mode", "ray", "--cpus", "2", "--venv", bin_folder, "--logs",
        tmp_path, "evaluate", *GRID, "-w", tmp_path / "there")  # fmt: skip
    slurm()
    assert rows(tmp_path / "there") == rows(tmp_path / "here"), logs(tmp_path)
