"""Numbers that no option can have, and sizes that no memory holds: refused before any writing."""

from __future__ import annotations

import click
import numpy as np
import pytest
from click.testing import CliRunner

import cmr as package
from cmr.cli.main import COMMANDS, main
from cmr.cli.options import Bytes, Comma, Duration, Share, Whole
from tests.conftest import npz_arrays, snapshot

NUMBERS = (Whole, Share, Bytes, Duration)
WRONG = [
    "inf", "nan", "-inf", "Infinity", "1e400", "1" * 400, "9" * 25, str(2**63), "-1", "", " ", "x",
    "١٢", "１２", "1_0", "0x10", "1,5e3,x", "--1", "\x001", "1\n2x",
]  # fmt: skip


def every_command():
    """Each command with its name, those of sources and of export formats too."""
    ctx = click.Context(main)
    for name in COMMANDS:
        command = main.get_command(ctx, name)
        if isinstance(command, click.Group):
            for inner in command.list_commands(ctx):
                found = command.get_command(ctx, inner)
                if found is not None:
                    yield f"{name} {inner}", found
        else:
            yield name, command


def numeric():
    for name, command in every_command():
        for param in command.params:
            kind = param.type.of if isinstance(param.type, Comma) else param.type
            if isinstance(kind, (click.types.IntParamType, click.types.FloatParamType, *NUMBERS)):
                yield pytest.param(command, param, id=f"{name} {param.opts[0]}")


def test_every_numeric_option_is_found():
    assert len(list(numeric())) > 60


@pytest.mark.parametrize(("command", "param"), list(numeric()))
def test_no_number_that_is_none(command, param):
    kind = param.type.of if isinstance(param.type, Comma) else param.type
    assert isinstance(kind, NUMBERS), "not of cmr's own types"
    for text in WRONG:
        with pytest.raises(click.UsageError):
            param.type_cast_value(click.Context(command), text if not param.multiple else (text,))


@pytest.fixture(scope="module")
def stored(tmp_path_factory):
    folder = tmp_path_factory.mktemp("bounds")
    np.savez(folder / "d.npz", **npz_arrays())
    args = ["ingest", "npz", str(folder / "d.npz"), "--dataset", "d", "-w", str(folder / "w")]
    result = CliRunner().invoke(main, args)
    assert result.exit_code == 0, result.stderr
    return folder / "w"


HNSW = ("--scorer", "usearch-hnsw", "--k", "10")


@pytest.mark.parametrize(
    ("args", "said"),
    [
        (("--dims", "1000000000"), "--dims 1000000000 would take 894.1 GiB for a basis"),
        (("--draws", "2000000000"), "for the counts of its pools"),
        (("--candidates", "2000000000"), "more than the gallery of 30"),
        ((*HNSW, "--connectivity", "2000000000"), "--connectivity 2000000000 would take"),
        (("--memory", "1"), "--memory must be at least 64 MiB"),
        (("--memory", "1K"), "--memory must be at least 64 MiB"),
    ],
)
def test_what_no_memory_holds_is_refused_first(cmr, stored, args, said):
    before = snapshot(stored)
    base = ("evaluate", "-w", stored, "--dims", "40", "--precisions", "fp32", "--candidates", "10")
    result = cmr(*base, *args, code=1)
    assert said in result.stderr
    assert len(result.stderr.strip().splitlines()) == 1
    assert snapshot(stored) == before


@pytest.mark.slow
def test_lists_and_expansions_end_with_the_gallery(stored):
    """Lengths that no memory holds are those of the gallery's 30 items."""
    most = 2**31 - 1
    opened, base = package.open(stored), {"dims": 16, "protocols": "full"}
    opened.evaluate(precisions="fp32", scorer="usearch-hnsw", k=most, expansion_add=most,
                    expansion_search=most, **base)  # fmt: skip
    opened.evaluate(precisions="int8", rescore="fp32", list_length=most, oversample=most, **base)
    opened.evaluate(precisions="fp32", hits=most, **base)
    found = opened.sql(
        "select scorer, count(*) as n, max(position) as last from hits join runs using (run_id) "
        "where direction = 't2v' group by all"
    ).pl()
    assert set(found["last"].to_list()) <= {29, 30}
    # A list of the whole gallery knows every rank.
    unknown = opened.sql("select count(*) as n from ranks where above is null").pl()
    assert unknown["n"].to_list() == [0]


@pytest.mark.parametrize(
    ("name", "given"),
    [
        ("dims", float("inf")), ("dims", float("nan")), ("k", 2**63), ("k", 0), ("k", "١x"),
        ("draws", 2**40), ("draws", 1.5), ("hits", -1), ("seed", 2**63), ("memory", 0),
        ("candidates", 1e300), ("oversample", -(2**70)), ("list_length", 2**31),
    ],
)  # fmt: skip
def test_python_refuses_the_same(stored, name, given):
    before = snapshot(stored)
    with pytest.raises(package.CmrError, match="whole number"):
        package.open(stored).evaluate(**{name: given})
    assert snapshot(stored) == before
