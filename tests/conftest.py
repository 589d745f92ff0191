"""What several tests share: the command line in process, and a small data set."""

from __future__ import annotations

import atexit
import contextlib
import gc
import hashlib
import os
import shutil
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from filelock import FileLock

from cmr import caches, views
from cmr.cli import answer_summary
from cmr.cli.main import main
from cmr.cli.startup import without_compiler
from cmr.identity import identity
from cmr.pipeline.bench import turns
from cmr.prepared import prepared
from tests import processes

# One store for all: a second would be asked nothing, as s3fs keeps to the first one's address.
pytest_plugins = ("tests.stores", "tests.browsers")
# Pictures have no model unless one is named.
TOY = ("--model", "scenes-tiny")
# The files that take longest, the longest first: begun last, they would leave all processes but one
# without work.
LONGEST = (
    "report/test_page.py", "pipeline/test_demo.py", "report/test_report.py", "cli/test_answer.py",
    "cli/test_wrong_inputs.py", "pipeline/test_bench.py", "pipeline/test_interrupted.py",
    "export/test_files.py", "export/test_export_documents.py", "test_python_documents.py",
    "pipeline/test_cones.py", "report/test_whole.py", "warehouse/test_object_store.py",
    "sql/test_random_pools.py", "score/test_fused.py", "pipeline/test_bench_encoding.py",
    "api/test_python.py", "score/test_engine.py", "explore/test_explore_page.py",
    "explore/test_server.py", "explore/test_answers.py", "sql/test_flat.py",
)  # fmt: skip

# As every command begins; tests import torchvision themselves.
without_compiler()


def pytest_collection_modifyitems(items):
    """The longest files first, the others as they come; `--no-loadscope-reorder` keeps to it."""
    folder = Path(__file__).parent
    places = {folder / name: place for place, name in enumerate(LONGEST)}
    items.sort(key=lambda item: places.get(item.path, len(places)))


def pytest_collection_finish():
    """What was imported stays: the collector need not look through it again and again.

    What is imported later it looks through as seldom: that takes a tenth of the time otherwise. It
    is thawed when Python ends, after pytest has collected what the tests left.
    """
    gc.freeze()
    atexit.register(gc.unfreeze)
    gc.set_threshold(100_000, 50, 100)


@pytest.fixture(scope="session", autouse=True)
def one_to_fork_from():
    """All are forked from the process that the first test to need one starts, whichever it is."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(turns, "_PRELOAD", [*turns._PRELOAD, *processes.IMPORTED])
        patch.setattr(processes, "IMPORTED", turns._PRELOAD)
        yield


@contextlib.contextmanager
def unanswered():
    """`cmr evaluate` without the answer that it ends with, where only what it stores counts.

    The answer takes most of its time; tests/cli/test_answer.py is of it.
    """
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(answer_summary, "ask", lambda *_: None)
        patch.setattr(answer_summary, "print_answer", lambda _: None)
        yield


@pytest.fixture
def no_answer():
    """All of a test's `cmr evaluate` are `unanswered`."""
    with unanswered():
        yield


@pytest.fixture
def cmr():
    """Run the command line; returns click's result, stdout and stderr apart."""

    def run(*args, code=0):
        result = CliRunner().invoke(main, [str(arg) for arg in args])
        if result.exception and not isinstance(result.exception, SystemExit):
            raise result.exception
        assert result.exit_code == code, (result.stdout, result.stderr)
        return result

    return run


def npz_arrays(texts=60, visuals=30, dims=(16, 40), seed=0):
    """Correlated vectors: several texts a visual, visuals without a text, equal vectors."""
    rng = np.random.default_rng(seed)
    content = rng.standard_normal((visuals, max(dims)))
    content[5:8] = content[4]
    truth = rng.integers(0, visuals - 4, texts)
    noisy = content[truth] + rng.standard_normal((texts, max(dims)))
    arrays = {"ground_truth": truth}
    for dim in dims:
        basis = rng.standard_normal((max(dims), dim)) if dim < max(dims) else np.eye(dim)
        arrays[f"text_{dim}"] = (noisy @ basis).astype(np.float32)
        arrays[f"video_{dim}"] = (content @ basis).astype(np.float32)
    return arrays


@pytest.fixture(scope="session")
def once(tmp_path_factory):
    """A folder by its name, which the first of the tests' processes fills and nobody changes."""
    base = tmp_path_factory.getbasetemp()
    # Each process has a folder of its own in that of all.
    shared = (base.parent if "PYTEST_XDIST_WORKER" in os.environ else base) / "shared"
    shared.mkdir(exist_ok=True)

    def folder(name, fill):
        path, filled = shared / name, shared / f"{name}.filled"
        with FileLock(shared / f"{name}.lock"):
            if not filled.exists():
                shutil.rmtree(path, ignore_errors=True)
                path.mkdir()
                fill(path)
                filled.touch()
        return path

    return folder


@pytest.fixture(scope="session")
def evaluated_once(once):
    """The data set `d` evaluated with some options, which nobody changes."""

    def made(*options):
        def fill(folder):
            np.savez(folder / "data.npz", **npz_arrays())
            for command in (
                ("ingest", "npz", folder / "data.npz", "--dataset", "d"),
                ("evaluate", *options),
            ):
                result = CliRunner().invoke(main, [*map(str, command), "-w", str(folder / "w")])
                assert result.exit_code == 0, result.stderr

        return once(f"evaluated-{identity(options=options)}", fill) / "w"

    return made


@pytest.fixture
def evaluated_with(evaluated_once, tmp_path):
    """A copy of it, which a test may damage."""
    return lambda *options: Path(shutil.copytree(evaluated_once(*options), tmp_path / "w"))


@pytest.fixture
def npz(tmp_path):
    """Write an .npz; keywords replace or, if None, remove arrays."""

    def write(name="data.npz", **changes):
        arrays = {**npz_arrays(), **changes}
        path = tmp_path / name
        np.savez(path, **{key: value for key, value in arrays.items() if value is not None})
        return path

    return write


@pytest.fixture
def own_cache(tmp_path, monkeypatch):
    """A cache of the test's own; the views, which take seconds to make, stay where they are."""
    database = prepared()
    monkeypatch.setattr(views, "prepared", lambda: database)
    path = tmp_path / "cache"
    path.mkdir(mode=0o700)
    monkeypatch.setattr(caches, "folder", lambda: path)
    monkeypatch.setattr(caches, "readable", lambda: [path])
    return path


def snapshot(root: Path) -> dict[str, str]:
    """Every file below a folder with its content's hash; locks are no content."""
    if not root.exists():
        return {}
    if root.is_file():
        return {"": hashlib.sha256(root.read_bytes()).hexdigest()}
    return {
        str(path.relative_to(root)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(root.rglob("*"))
        if path.is_file() and ".locks" not in path.parts
    }
