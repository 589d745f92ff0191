"""Whatever becomes of a file: the same figures, or a sentence that names it; never others.

`make test` tries a sample of fixed seed, `make test-all` every table with every damage under every
command.
"""

from __future__ import annotations

import random
import shutil
import warnings
from itertools import product

import pytest

from cmr.errors import DamageWarning
from cmr.report import page, write
from cmr.warehouse.schemas import CATALOGUE
from tests.faults.damage import DAMAGES
from tests.faults.harness import (
    ALL,
    COMMANDS,
    QUESTIONS,
    SHARE,
    TABLES,
    ask,
    files_of,
    is_named,
)

SAMPLE = 16
# A row that is gone says nothing where no other row names it, and what nothing reads is not
# looked for.
UNSEEN = {
    ("runs", "delete"), ("runs", "rename"), ("benches", "delete"), ("benches", "rename"),
    # Taken as they are: only verify counts such files, and their bytes, apart.
    *((table, "older") for table in (*(one.name for one in CATALOGUE), "anchors")),
}  # fmt: skip
NO_PARQUET = ("rows_gone", "newer", "older", "altered")


def cases():
    """(table, damage, command): all of them, or a sample."""
    every = [
        (table, damage, command)
        for table, damage, command in product(TABLES, DAMAGES, COMMANDS)
        if table != "marker" or damage.__name__ not in NO_PARQUET
    ]
    rng = random.Random(17)
    if ALL:
        return rng.sample(every, int(SHARE * len(every)))
    return rng.sample([case for case in every if case[2] != "report"], SAMPLE)


@pytest.fixture(scope="module")
def truths(whole, tmp_path_factory):
    """What every command says of the undamaged warehouse, asked once each."""
    known = {}

    def truth(command):
        if command not in known:
            folder = tmp_path_factory.mktemp("truth")
            known[command], said = ask(command, shutil.copytree(whole / "w", folder / "w"), folder)
            assert "is damaged" not in said
        return known[command]

    return truth


@pytest.fixture
def no_drawing(monkeypatch):
    """A report's figures are asked for, not its pictures."""
    monkeypatch.setattr(page, "build", lambda *_, **__: b"<!doctype html>")
    monkeypatch.setattr(
        write, "drawn", lambda _look, name, _draw: ((f"{name}.{kind}", b"-") for kind in ("png",))
    )


@pytest.mark.slow
@pytest.mark.parametrize(
    ("table", "damage", "command"), cases(), ids=lambda one: getattr(one, "__name__", one)
)
def test_the_same_figures_or_a_sentence(root, truths, no_drawing, tmp_path, table, damage, command):
    truth = truths(command)
    rng = random.Random(f"{table} {damage.__name__} {command}")
    files = files_of(root, table)
    path = rng.choice(files)
    others = [one for one in files if one != path] or files
    before = path.read_bytes()
    damaged = damage(path, rng.choice(others), rng)
    if damaged == path and path.exists() and path.read_bytes() == before:
        pytest.skip("another file holds the same")
    with warnings.catch_warnings():
        warnings.simplefilter("always", DamageWarning)
        found, said = ask(command, root, tmp_path)
    lost, invented = truth - found, found - truth
    if lost or invented:
        named = is_named(path, said) or is_named(damaged, said)
        assert named or (table, damage.__name__) in UNSEEN, (path, said)
    if command in QUESTIONS or command in ("lists", "report"):
        assert not invented, (path, said)
