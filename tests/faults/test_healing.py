"""What `cmr warehouse verify` advises makes every damaged file again."""

from __future__ import annotations

import random

import pytest

from tests.faults.damage import DAMAGES
from tests.faults.harness import (
    ALL,
    QUESTIONS,
    SHARE,
    call,
    figures,
    files_of,
    steps,
    well,
)

# The commands that make a table's files again; vectors are native ones, or derived from them.
ADVICE = {
    "datasets": ("ingest",), "items": ("ingest",), "qrels": ("ingest",), "rejects": ("ingest",),
    "native": ("ingest",), "anchors": ("ingest",), "marker": ("ingest",),
    "qrels_sets": ("judgments",), "extra_qrels": ("judgments",),
    "derived": ("force",), "ranks": ("force",), "hits": ("force",), "sampled_ranks": ("force",),
    "runs": ("force",), "embedding_sets": ("ingest", "force"),
    "timings": ("force", "bench"), "benches": ("bench",), "metrics": (),
}  # fmt: skip
EVERY = [
    (table, damage)
    for table in ADVICE
    for damage in DAMAGES
    if ALL or "bench" not in ADVICE[table]
    if table != "marker" or damage.__name__ in ("truncate", "empty", "flip", "delete", "foreign")
    # A row under another name is nobody's: to give it its name back is all that can be done.
    if damage.__name__ != "rename"
    or table not in ("datasets", "qrels_sets", "runs", "benches", "embedding_sets", "marker")
]
CASES = random.Random(3).sample(EVERY, int(SHARE * len(EVERY)) if ALL else 2)
# Of the frames that were put beside vectors, no command would make any.
ASKED = [query for name, query in QUESTIONS.items() if name != "frames"]

# How the advice calls them.
SAID = {"force": "cmr evaluate --force", "judgments": "cmr ingest qrels", "ingest": "cmr ingest"}


def vectors(root, derived):
    return [
        path for path in files_of(root, "embeddings") if ("precision=fp32" in str(path)) != derived
    ]


def heal(command, folder, root):
    """Follow one piece of advice."""
    made = steps(folder)
    if command == "force":
        for step in ("evaluate", "judged"):
            well(*made[step], "--force", "-w", root)
    elif command == "bench":
        well(*made["bench"], "--force", "-w", root)
    else:
        well(*made[command], "-w", root)


@pytest.fixture(scope="module")
def truth(whole):
    return [
        figures(well("sql", query, "--format", "csv", "-w", whole / "w").stdout) for query in ASKED
    ]


@pytest.mark.slow
@pytest.mark.parametrize(("table", "damage"), CASES, ids=lambda one: getattr(one, "__name__", one))
def test_the_advice_heals(whole, root, truth, table, damage):
    derived = {"native": False, "derived": True}.get(table)
    files = files_of(root, table) if derived is None else vectors(root, derived)
    rng = random.Random(f"{table} {damage.__name__}")
    path = rng.choice(files)
    others = [one for one in files if one != path] or files
    before = path.read_bytes()
    damage(path, rng.choice(others), rng)
    if path.exists() and path.read_bytes() == before:
        pytest.skip("another file holds the same")
    done = call("warehouse", "verify", "-w", root)
    said = done.stdout + done.stderr
    # Of a row that is gone, nothing tells; of what is kept, only its use.
    if done.exit_code:
        assert path.name in said or f"'{path.stem}'" in said
        for command in ADVICE[table]:
            assert SAID.get(command, command) in said
    for command in ADVICE[table]:
        heal(command, whole, root)
    assert "are sound" in well("warehouse", "verify", "-w", root).stdout
    for query, lines in zip(ASKED, truth, strict=True):
        assert figures(well("sql", query, "--format", "csv", "-w", root).stdout) == lines, query
