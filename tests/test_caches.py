"""What is kept outside the warehouse is checked when it is read, and never needed."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import duckdb
import numpy as np
import pytest

from cmr import caches, memory, parts, views
from cmr import prepared as prepared_views
from tests import warehouses

QUERY = "select value from metrics where measure = 'mrr' and protocol = 'full'"


@pytest.fixture
def root(tmp_path):
    relevance = np.eye(6, 5, dtype=int)
    made = warehouses.new(tmp_path / "w")
    warehouses.add_dataset(made, "d", relevance)
    warehouses.add_run(made, "r", "d", np.random.default_rng(0).random((6, 5)), relevance)
    return made.root


@pytest.fixture
def places(tmp_path, monkeypatch):
    """A home and a temporary folder of the test's own; and quick views to prepare."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "home"))
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "tmp"))
    (tmp_path / "tmp").mkdir()
    caches._holds.cache_clear()
    return tmp_path / "home" / "cmr", tmp_path / "tmp" / f"cmr-{os.geteuid()}"


@pytest.fixture
def quick(monkeypatch):
    """Two views instead of ninety, which take seconds to make."""
    made = []

    def make(path, root):
        made.append(path)
        with duckdb.connect(path) as con:
            con.execute("create view metrics as select 0.5 as value")
            con.execute("create schema own")
            con.execute("create table own.reads (name varchar, reads varchar[], columns varchar)")
            con.execute("create table own.measures (measure varchar)")

    def install(con):
        made.append(None)
        con.execute("create or replace view metrics as select 0.5 as value")
        con.execute("create or replace view measures as select 'mrr' as measure")
        return {"metrics": frozenset()}

    monkeypatch.setattr(prepared_views, "_make", make)
    monkeypatch.setattr(views, "install", install)
    return made


def value(root):
    con = views.connect(root, "from metrics")
    (found,) = con.execute("select value from metrics").fetchall()
    return found[0]


def prepared(folder):
    return sorted(folder.glob("views-*.duckdb"))


@pytest.mark.slow
def test_a_changed_database_of_views_is_made_anew(root, places, quick):
    home, _ = places
    assert value(root) == 0.5
    assert value(root) == 0.5
    (path,) = prepared(home)
    assert len(quick) == 1
    assert path.stat().st_mode & 0o777 == 0o600
    assert home.stat().st_mode & 0o777 == 0o700

    def forge(where):
        where.unlink(missing_ok=True)
        with duckdb.connect(str(where)) as con:
            con.execute("create view metrics as select 1.0 as value")

    def change():
        path.chmod(0o600)
        with duckdb.connect(str(path)) as con:
            con.execute("create or replace view metrics as select 1.0 as value")

    def flip():
        data = bytearray(path.read_bytes())
        data[len(data) // 2] ^= 4
        path.write_bytes(data)

    def link():
        forge(home / "other.duckdb")
        path.unlink()
        path.symlink_to(home / "other.duckdb")

    def log():
        """What DuckDB would play into the database as it opens it."""
        with duckdb.connect(str(home / "third.duckdb")) as con:
            con.execute("set wal_autocheckpoint = '1TB'")
            con.execute("create view metrics as select 1.0 as value")
            path.with_name(path.name + ".wal").write_bytes(
                Path(f"{home}/third.duckdb.wal").read_bytes()
            )

    def empty():
        path.write_bytes(b"")

    def open_up():
        path.chmod(0o666)

    for damage in (change, flip, link, log, empty, open_up):
        before = len(quick)
        damage()
        assert value(root) == 0.5
        assert len(quick) == before + 1
        (path,) = prepared(home)
        assert value(root) == 0.5
        assert len(quick) == before + 1


def test_a_folder_that_others_own_or_can_write_is_not_read(root, places, quick, monkeypatch):
    home, temporary = places
    value(root)
    home.chmod(0o777)
    assert value(root) == 0.5
    assert home.stat().st_mode & 0o777 == 0o700
    assert value(root) == 0.5
    (path,) = prepared(home)
    if os.geteuid():
        pytest.skip("only root can give files away")
    os.chown(path, 12345, 12345)
    os.chown(home, 12345, 12345)
    before = len(quick)
    assert value(root) == 0.5
    assert len(quick) == before + 1
    assert prepared(temporary)


@pytest.mark.parametrize("where", ["file", "full", "nowhere"])
def test_without_a_home_the_temporary_folder_serves_and_else_nothing(
    root, places, quick, tmp_path, monkeypatch, where
):
    home, temporary = places
    home.parent.write_text("a file where the cache would be")
    if where != "file":
        (tmp_path / "tmp").rmdir()
    if where == "full":
        monkeypatch.setattr(caches, "_holds", lambda path: False)
    assert value(root) == 0.5
    assert value(root) == 0.5
    assert len(quick) == (1 if where == "file" else 2)
    assert bool(prepared(temporary)) == (where == "file")


def test_no_folder_in_the_current_one(tmp_path, monkeypatch):
    """Where a home is not known some libraries make a folder called ~."""
    import platformdirs

    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    monkeypatch.delenv("TMPDIR", raising=False)

    def without(name):
        raise RuntimeError("no home")

    for answer in (lambda name: "~/.cache/cmr", without):
        monkeypatch.setattr(platformdirs, "user_cache_dir", answer)
        assert caches.folder() is None
        assert caches.spill() == ""
    assert not list(tmp_path.iterdir())


def test_a_command_in_the_temporary_folder_has_one(monkeypatch):
    """Python's last resort is the current folder; this one it would have taken anyway."""
    monkeypatch.chdir("/tmp")
    monkeypatch.setattr(tempfile, "tempdir", "/tmp")
    monkeypatch.delenv("TMPDIR", raising=False)
    assert caches.spill().startswith("/tmp/cmr-")


def test_anchors_of_a_killed_process_are_removed_by_the_next(tmp_path):
    def run(then):
        code = f"import os; from cmr.warehouse import anchors; print(anchors.folder()); {then}"
        where = {**os.environ, "TMPDIR": str(tmp_path)}
        done = subprocess.run(
            [sys.executable, "-c", code], env=where, capture_output=True, text=True
        )
        return Path(done.stdout.strip())

    killed = run("print(flush=True); os.kill(os.getpid(), 9)")
    assert killed.is_dir()
    assert killed.stat().st_mode & 0o777 == 0o700
    own = run("pass")
    assert own.parent == killed.parent
    assert not list(own.parent.iterdir())


_KERNEL = """
import sys
sys.path.insert(0, {folder!r})
import made
print(made.twice(21), made.twice._cache_hits and "kept" or "compiled")
"""


@pytest.fixture
def kernel(tmp_path):
    """A module with a kernel, in a folder where nothing can be kept beside it."""
    folder = tmp_path / "package"
    folder.mkdir()
    (folder / "__pycache__").write_text("a file in the way")
    (folder / "made.py").write_text(
        "from cmr.score.compiled import compiled\n\n@compiled()\ndef twice(x):\n    return 2 * x\n"
    )

    def run(**env):
        done = subprocess.run(
            [sys.executable, "-B", "-c", _KERNEL.format(folder=str(folder))],
            env={**os.environ, **env}, cwd=tmp_path, capture_output=True, text=True, check=True,
        )  # fmt: skip
        assert not (tmp_path / "~").exists()
        return done.stdout.split()

    return run


@pytest.mark.slow
def test_kernels_are_kept_where_that_can_be_and_checked(kernel, tmp_path):
    (tmp_path / "home").mkdir()
    env = {"XDG_CACHE_HOME": str(tmp_path / "home"), "TMPDIR": str(tmp_path)}
    assert kernel(**env) == ["42", "compiled"]
    assert kernel(**env) == ["42", "kept"]
    files = list((tmp_path / "home").rglob("*.nb[ic]"))
    assert len(files) == 2
    for path in files:
        data = bytearray(path.read_bytes())
        data[-9] ^= 1
        path.write_bytes(data)
        assert kernel(**env) == ["42", "compiled"]


@pytest.mark.slow
def test_kernels_need_no_place(kernel, tmp_path):
    nowhere = str(tmp_path / "package" / "made.py" / "x")
    assert kernel(XDG_CACHE_HOME=nowhere, HOME=nowhere, TMPDIR=nowhere)[0] == "42"


def test_marks_tell_the_dead_from_the_living():
    mine = parts.mark()
    assert mine != parts.mark()
    assert not parts.left_behind(mine)
    process = subprocess.Popen([sys.executable, "-c", ""])
    process.wait()
    time.sleep(0.01)
    place = mine.partition("-")[0]
    assert parts.left_behind(f"{place}-{process.pid}-abcd")
    assert not parts.left_behind(f"00000000-{process.pid}-abcd"), "another machine's"
    assert not parts.left_behind("nonsense")


def test_what_a_control_group_allows_counts(monkeypatch, tmp_path):
    (tmp_path / "a" / "b").mkdir(parents=True)
    (tmp_path / "memory.max").write_text("max\n")
    (tmp_path / "a" / "memory.max").write_text("1073741824\n")
    (tmp_path / "a" / "b" / "memory.max").write_text("2147483648\n")
    monkeypatch.setattr(memory, "_GROUPS", ((str(tmp_path), "memory.max"),))
    monkeypatch.setattr(memory, "_own_groups", lambda: ["", "a/b"])
    assert memory.total() == 2**30
    assert memory.for_queries() == 2**29
