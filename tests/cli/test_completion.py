"""What Tab offers in bash, zsh and fish: names of the warehouse."""

from __future__ import annotations

import numpy as np
import pytest
from click.shell_completion import ShellComplete

from cmr.cli.main import main
from tests import warehouses


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    made = warehouses.new(tmp_path_factory.mktemp("completion") / "w")
    relevance = np.eye(6, 5, dtype=int)
    for name in ("drawn", "dull", "other"):
        warehouses.add_dataset(made, name, relevance)
        warehouses.add_run(
            made, f"run-{name}", name, np.random.default_rng(0).random((6, 5)), relevance
        )
    return str(made.root)


def offered(args, incomplete):
    found = ShellComplete(main, {}, "cmr", "_CMR_COMPLETE").get_completions(args, incomplete)
    return [one.value for one in found]


CASES = [
    (["evaluate", "--dataset"], "d", ["drawn", "dull"]),
    (["evaluate", "--dataset"], "other,dr", ["other,drawn"]),
    (["evaluate", "--scorer"], "usearch-e", ["usearch-exact"]),
    (["evaluate", "--model"], "", ["m"]),
    (["recommend", "--model"], "m,", ["m,m"]),
    (["evaluate", "--qrels"], "d", ["default"]),
    (["recommend", "--dataset"], "o", ["other"]),
    (["report", "--dataset"], "dr", ["drawn"]),
    (["export", "trec", "--dataset"], "dr", ["drawn"]),
    (["ingest", "npz", "--dataset"], "dr", ["drawn"]),
    (["runs", "list", "--dataset"], "du", ["dull"]),
    (["runs", "show"], "run-d", ["run-drawn", "run-dull"]),
    (["runs", "remove", "run-drawn"], "run-o", ["run-other"]),
    (["compare"], "run-o", ["run-other"]),
    (["compare", "run-other"], "run-dr", ["run-drawn"]),
    (["gate"], "dataset=dr", ["dataset=drawn"]),
    (["gate"], "dataset=drawn,dataset=du", ["dataset=drawn,dataset=dull"]),
    (["gate", "--baseline"], "run-o", ["run-other"]),
]


@pytest.mark.parametrize(("args", "incomplete", "found"), CASES)
def test_names_of_the_warehouse(root, monkeypatch, args, incomplete, found):
    command = 2 if args[0] in ("runs", "export", "ingest") else 1
    assert offered([*args[:command], "-w", root, *args[command:]], incomplete) == found
    monkeypatch.setenv("CMR_WAREHOUSE", root)
    assert offered(args, incomplete) == found


def test_without_a_warehouse_nothing_is_offered(tmp_path, capsys):
    assert offered(["evaluate", "-w", str(tmp_path / "none"), "--dataset"], "") == []
    assert capsys.readouterr() == ("", "")


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_scripts(cmr, shell):
    assert "_CMR_COMPLETE" in cmr("completion", shell).stdout
