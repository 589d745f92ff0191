"""Killed at a random moment, run again: the same as undisturbed, and no other figure between."""

from __future__ import annotations

import shutil

import pytest

from tests.faults.harness import (
    ALL,
    BENCH,
    GRID,
    QUESTIONS,
    SHARE,
    call,
    figures,
    sources,
    steps,
    well,
)
from tests.processes import killed, moments, timed

KILLS = max(1, int(SHARE * 200)) if ALL else 1
# What every table holds, in few figures. Scores are left out: their last digits may differ.
HELD = {
    "items": "dataset, modality, item_id, ordinal",
    "qrels": "dataset, text_id, visual_id, relevance",
    "extra_qrels": "dataset, qrels, text_id, visual_id, relevance",
    "embeddings": "precision, item_id, vector, codes, scale",
    "ranks": "run_id, query_id, item_id, above, tied",
    "sampled_ranks": "run_id, query_id, item_id, candidates, draw, above",
    "hits": "run_id, query_id, item_id, position",
    "benches": "dim, precision, stage, candidates",
}
STATE = " union all ".join(
    f"select '{table}' as t, count(*) as n, bit_xor(hash({columns})) as h from {table}"
    for table, columns in HELD.items()
)
RANKED = "select run_id, query_id, item_id, above, tied from ranks order by all"
MORE = (*GRID[:5], "12", *GRID[6:])
SHARD = ("evaluate", "--dims", "40", *GRID[2:])
# What is killed, and what was done before it; names of `steps`, or commands.
WRITING = {
    "ingest": (),
    "judgments": ("ingest",),
    "evaluate": ("ingest",),
    "force": ("ingest", "evaluate"),
    "shard": ("ingest", "evaluate"),
    "bench": ("ingest",),
    "compact": ("ingest", "evaluate", "more"),
    "vacuum": ("ingest", "evaluate", "again"),
    "remove": ("ingest", "judgments", "evaluate", "judged"),
    "export": ("ingest", "evaluate"),
}

NAMES = list(WRITING) if ALL else ["ingest"]


def commands(folder):
    """Every command by what it is called here."""
    return {
        **steps(folder),
        "force": ("evaluate", *GRID, "--force"),
        "again": ("evaluate", *GRID, "--force"),
        "more": ("evaluate", *MORE),
        "shard": (*SHARD, "--shard", "0/2"),
        "bench": BENCH,
        "compact": ("warehouse", "compact", "--wait", "0"),
        "vacuum": ("warehouse", "vacuum", "--older", "0"),
        "remove": ("runs", "remove", "precision=fp32", "--yes"),
        "export": ("export", "parquet", RANKED, "--force", "--out", folder / "out"),
    }


def metrics(root):
    """Every figure."""
    return figures(well("sql", QUESTIONS["metrics"], "--format", "csv", "-w", root).stdout)


def answers(root):
    """What the warehouse says."""
    return metrics(root), figures(well("sql", STATE, "--format", "csv", "-w", root).stdout)


@pytest.mark.slow
@pytest.mark.timeout(4 * 3600 if ALL else 300)
@pytest.mark.parametrize("name", NAMES)
def test_killed_and_run_again(name, tmp_path):
    sources(tmp_path)
    known = commands(tmp_path)
    given, out = known[name], tmp_path / "out"
    origin, done, root = tmp_path / "origin", tmp_path / "done", tmp_path / "w"
    for step in WRITING[name]:
        well(*known[step], "-w", origin)
    before = metrics(origin) if WRITING[name] else set()
    if WRITING[name]:
        shutil.copytree(origin, done)
    took = timed((*given, "-w", done), tmp_path / "told")
    if name == "shard":
        finish(done)
    truth = answers(done)
    whole = out.read_bytes() if name == "export" else b""
    for after in moments(name, KILLS, took):
        shutil.rmtree(root, ignore_errors=True)
        out.unlink(missing_ok=True)
        if WRITING[name]:
            shutil.copytree(origin, root)
        killed((*given, "-w", root), tmp_path / "told", after)
        if (root / "_cmr_warehouse.json").exists():
            assert metrics(root) <= before | truth[0], after
        assert not out.exists() or out.read_bytes() == whole
        again = call(*given, "-w", root)
        # All of the runs may be gone already; then there is none to remove.
        assert again.exit_code == 0 or (name == "remove" and "no run" in again.stderr), again.stderr
        if name == "shard":
            finish(root)
        assert answers(root) == truth, after
        assert "are sound" in well("warehouse", "verify", "-w", root).stdout
        if name == "export":
            assert out.read_bytes() == whole


def finish(root):
    """The other shard, and the sum of both."""
    well(*SHARD, "--shard", "1/2", "-w", root)
    well(*SHARD, "--merge", "-w", root)
