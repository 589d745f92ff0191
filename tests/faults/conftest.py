"""What the tests of faults share: a warehouse with every table, made once and copied."""

from __future__ import annotations

import shutil

import pytest

from tests.faults import harness


@pytest.fixture(scope="session")
def whole(once):
    """A filled warehouse that nobody may change, and the folder of what it was made from."""
    return once("whole", lambda folder: harness.fill(folder, folder / "w"))


@pytest.fixture
def root(whole, tmp_path):
    """A copy of it, which a test may damage."""
    return shutil.copytree(whole / "w", tmp_path / "w")
