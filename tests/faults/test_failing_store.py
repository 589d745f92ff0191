"""The same damage on an object store: the same figures, or a sentence that names the object."""

from __future__ import annotations

import random
import warnings
from itertools import product

import pytest

from cmr.errors import DamageWarning
from cmr.warehouse import verified
from cmr.warehouse.remote import remote
from cmr.warehouse.storage import Storage
from tests.faults.damage import DAMAGES
from tests.faults.harness import ALL, COMMANDS, QUESTIONS, SHARE, TABLES, ask, files_of, is_named
from tests.faults.test_damaged_files import NO_PARQUET, UNSEEN
from tests.stores import BUCKET

URL = f"s3://{BUCKET}/faults"
# Those that write nothing: the objects are put back after each.
READING = [name for name in COMMANDS if name not in ("force", "evaluate", "report")]


def cases():
    every = [
        (table, damage, command)
        for table, damage, command in product(TABLES, DAMAGES, READING)
        if table != "marker" or damage.__name__ not in NO_PARQUET
    ]
    rng = random.Random(5)
    return rng.sample(every, int(SHARE * len(every)) if ALL else 3)


def asked(command, folder):
    """As a new process asks, which knows nothing of the store."""
    remote.cache_clear()
    verified._SOUND.clear()
    with warnings.catch_warnings():
        warnings.simplefilter("always", DamageWarning)
        return ask(command, URL, folder)


@pytest.fixture(scope="module")
def stored(s3, whole):
    """The warehouse on the store, object by object."""
    s3.calm()
    storage = Storage(URL)
    for path in (whole / "w").rglob("*"):
        name = path.relative_to(whole / "w").as_posix()
        if path.is_file() and ".locks" not in name:
            storage.write_bytes(name, path.read_bytes())
    return storage


@pytest.fixture(scope="module")
def truths(stored, tmp_path_factory):
    known = {}

    def truth(command):
        if command not in known:
            known[command], said = asked(command, tmp_path_factory.mktemp("truth"))
            assert "is damaged" not in said
        return known[command]

    return truth


@pytest.mark.slow
@pytest.mark.parametrize(
    ("table", "damage", "command"), cases(), ids=lambda one: getattr(one, "__name__", one)
)
def test_the_same_figures_or_a_sentence(stored, root, truths, tmp_path, table, damage, command):
    truth = truths(command)
    rng = random.Random(f"s3 {table} {damage.__name__} {command}")
    files = files_of(root, table)
    path = rng.choice(files)
    others = [one for one in files if one != path] or files
    before, name = path.read_bytes(), path.relative_to(root).as_posix()
    damaged = damage(path, rng.choice(others), rng)
    if path.exists() and path.read_bytes() == before:
        pytest.skip("another file holds the same")
    new = damaged.relative_to(root).as_posix()
    try:
        if not path.exists():
            stored.delete(name)
        if damaged.exists():
            stored.write_bytes(new, damaged.read_bytes())
        found, said = asked(command, tmp_path)
    finally:
        if new != name:
            stored.delete(new)
        stored.write_bytes(name, before)
    lost, invented = truth - found, found - truth
    if lost or invented:
        named = is_named(path, said) or is_named(damaged, said)
        assert named or (table, damage.__name__) in UNSEEN, (path, said)
    if command in QUESTIONS or command == "lists":
        assert not invented, (path, said)
