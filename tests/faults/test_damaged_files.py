"""Whatever becomes of a file: the same figures, or a sentence that names it; never others.

`make test` tries a sample of fixed seed; CMR_FAULTS=all every file of every table with every
damage under every command.
"""

from __future__ import annotations

import os
import random
import re
import shutil
import warnings
from itertools import product

import pytest

from cmr.errors import DamageWarning
from tests.faults.damage import DAMAGES

SAMPLE = 40
OPTIONS = (
    "--dims", "16", "--precisions", "fp32,int8", "--candidates", "20", "--hits", "3",
    "--directions", "t2v",
)  # fmt: skip
# What may be asked; each is a list of lines, of which damage may take some, saying so.
QUESTIONS = {
    "metrics": "select * from metrics order by all",
    "retention": "select run_id, measure, k, value, retention from retention order by all",
    "runs": "select run_id, dim, precision, queries, gallery, candidates from runs order by all",
    "datasets": "select dataset, texts, visuals, judgments from datasets order by all",
    "hits": "select run_id, query_id, item_id, position from hits order by all",
    "items": "select dataset, modality, item_id, ordinal from items order by all",
    "timings": "select run_id, stage, candidates, queries from timings order by all",
    "vectors": "select precision, item_id, hash(vector), hash(codes), scale from embeddings"
    " order by all",
}
COMMANDS = {
    **{name: ("sql", query, "--format", "csv") for name, query in QUESTIONS.items()},
    "compare": ("compare", "precision=fp32", "precision=int8"),
    "recommend": ("recommend",),
    "export": ("export", "csv", "leaderboard", "--out", "-"),
    "evaluate": ("evaluate", *OPTIONS),
    "doctor": ("doctor",),
    "verify": ("warehouse", "verify"),
    "report": ("report",),
}
TABLES = (
    "datasets", "embedding_sets", "runs", "items", "qrels", "rejects", "embeddings", "ranks",
    "sampled_ranks", "hits", "timings", "materialised", "anchors", "marker",
)  # fmt: skip
# A row that is gone says nothing, and a file that nothing reads is not looked for.
UNSEEN = {("runs", "delete"), ("runs", "rename"), ("rejects", "*")}


def cases():
    """(table, damage, command): all of them, or a sample."""
    every = list(product(TABLES, DAMAGES, COMMANDS))
    if os.environ.get("CMR_FAULTS") == "all":
        return every
    return random.Random(17).sample([case for case in every if case[2] != "report"], SAMPLE)


@pytest.fixture(scope="module")
def truths():
    """What every command says of the undamaged warehouse, by the command's name."""
    return {}


def files_of(root, table):
    """The files that may be damaged."""
    if table == "marker":
        return [root / "_cmr_warehouse.json"]
    if table == "anchors":
        return sorted(root.rglob("_anchor.parquet"))
    return sorted(
        path for path in (root / table).rglob("*.parquet") if path.name != "_anchor.parquet"
    )


def figures(text):
    """Lines, with floats to seven digits: threads add in whatever order they come."""
    return set(
        re.sub(r"\d+\.\d+(e-\d+)?", lambda found: f"{float(found[0]):.7g}", text).splitlines()
    )


@pytest.mark.parametrize(
    ("table", "damage", "command"), cases(), ids=lambda one: getattr(one, "__name__", one)
)
def test_the_same_figures_or_a_sentence(
    evaluated_with, cmr, truths, tmp_path, table, damage, command
):
    root = evaluated_with(*OPTIONS)
    given = COMMANDS[command]

    def ask(code=None):
        out = ("--out", tmp_path / "report") if command == "report" else ()
        shutil.rmtree(tmp_path / "report", ignore_errors=True)
        for wanted in (0, 1) if code is None else (code,):
            try:
                return cmr(*given, *out, "-w", root, code=wanted)
            except AssertionError as error:
                last = error
        raise last

    if command not in truths:
        truths[command] = figures(ask(0).stdout)
    rng = random.Random(f"{table} {damage.__name__} {command}")
    files = files_of(root, table)
    path = rng.choice(files)
    others = [one for one in files if one != path] or files
    before = path.read_bytes()
    if table == "marker" and damage.__name__ in ("rows_gone", "newer", "altered"):
        pytest.skip("the marker is no Parquet")
    damaged = damage(path, rng.choice(others), rng)
    if damaged == path and path.exists() and path.read_bytes() == before:
        pytest.skip("another file holds the same")
    with warnings.catch_warnings():
        warnings.simplefilter("always", DamageWarning)
        done = ask()
    said = done.stdout + done.stderr
    lost = truths[command] - figures(done.stdout)
    invented = figures(done.stdout) - truths[command]
    named = path.name in said or path.stem in said or damaged.name in said
    if lost or invented:
        assert named or (table, damage.__name__) in UNSEEN, (path, said)
    if command in QUESTIONS or command == "export":
        assert not invented, (path, said)
    assert "Traceback" not in said
