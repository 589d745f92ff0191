"""Writers beside one another, and readers beside them: everybody ends well, with whole answers."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.faults.harness import ALL, GRID, well
from tests.processes import begin, end

SECONDS = 60 if ALL else 2
WRITERS = 4 if ALL else 2
ASKED = "select count(*) as n, round(sum(value), 9) as total from metrics"


def run(told, *args):
    """A command in a process of its own; what it said, after it ended well."""
    code = end(begin(args, told))
    said = told.read_text()
    assert code == 0, (args, said)
    return said


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_writers_and_readers_at_once(root, tmp_path):
    """The same runs are scored again and again while others ask: one state from begin to end."""
    asked = ("sql", ASKED, "--format", "csv", "-w", root)
    truth = run(tmp_path / "told", *asked)
    end_at = time.monotonic() + SECONDS

    def write(number):
        count = 0
        while time.monotonic() < end_at or not count:
            run(tmp_path / f"write{number}", "evaluate", *GRID, "--force", "-w", root)
            count += 1
        return count

    def read(number):
        count = 0
        while time.monotonic() < end_at or not count:
            assert run(tmp_path / f"read{number}", *asked) == truth
            count += 1
        return count

    with ThreadPoolExecutor(WRITERS + 2) as pool:
        writing, reading = pool.map(write, range(WRITERS)), pool.map(read, range(2))
        print(f"{sum(writing)} times written beside {sum(reading)} times read")
    assert "are sound" in well("warehouse", "verify", "-w", root).stdout


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_four_outputs_to_one_name(root, tmp_path):
    """All succeed, and one whole file stands, with nothing beside it."""
    out = tmp_path / "out" / "x.csv"
    out.parent.mkdir()

    def ask(number):
        query = f"select range as n, {number} as who from range(20000)"
        return begin(
            ("sql", query, "--format", "csv", "--output", out, "-w", root), tmp_path / f"{number}"
        )

    for _ in range(25 if ALL else 1):
        asked = [ask(number) for number in range(4)]
        assert [end(one) for one in asked] == [0, 0, 0, 0]
        lines = out.read_text().splitlines()
        assert lines[0] == "n,who"
        assert len(lines) == 20_001
        assert len({line.rpartition(",")[2] for line in lines[1:]}) == 1
        assert [path.name for path in out.parent.iterdir()] == ["x.csv"]
