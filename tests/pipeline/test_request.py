"""One declaration of a request: the command line, Python's keywords and the checks are made of it.

No data is needed: what is held here is what a value means before anything is read.
"""

from __future__ import annotations

import inspect
import pickle
from dataclasses import dataclass, fields, replace

import click
import numpy as np
import pytest
from click.testing import CliRunner

import cmr
from cmr.api.keywords import EvaluateKeywords, keywords_of
from cmr.cli.bench_command import bench
from cmr.cli.evaluate_command import Division, evaluate
from cmr.cli.options import declared
from cmr.errors import CmrError
from cmr.pipeline.bench.bench_request import BenchRequest, BenchSearch
from cmr.pipeline.option_fields import Many, One, options_of
from cmr.pipeline.option_values import Choice, Integer
from cmr.pipeline.request import Request

# Of each option: one value, and how the command line and a caller of Python would say two.
VALUES = {"dims": (16, "16,40", [16, 40]), "precisions": ("b1", "b1, int8", ["b1", "int8"])}


@dataclass(frozen=True)
class Warmer(Request):
    """A request with two more fields: all that a new option takes, but its use."""

    degrees: Many[int] = Many(Integer(2, 90), (20, 30), "How warm.", flag="degree")
    where: One[str] = One(Choice(("in", "out")), "in")


class Oven:
    @keywords_of(Warmer)
    def warm(self, asked: Warmer) -> Warmer:
        """Warm it."""
        return asked


def warm(*args):
    found = []

    @click.command()
    @declared(Warmer)
    def command(**given):
        found.append(Warmer(**given))

    result = CliRunner().invoke(command, args)
    return result, found


def test_a_field_is_an_option_and_a_keyword():
    shown = warm("--help")[0].output
    assert "--degree A,B,…" in shown
    assert "How warm.  [default: 20,30]" in shown
    assert "--where [in|out]" in shown
    assert warm("--degree", "5,7,5", "--where", "out")[1] == [Warmer(degrees=[5, 7], where="out")]
    assert warm()[1] == [Warmer()]
    assert Oven().warm("d", degrees=5).degrees == (5,)
    added = inspect.signature(Oven.warm).parameters
    assert added["degrees"].default == (20, 30)
    assert str(added["where"]).replace("'", "") == "where: str = in"
    with pytest.raises(TypeError, match="unexpected keyword argument 'colder'"):
        Oven().warm(colder=1)


@pytest.mark.parametrize(
    ("name", "given", "why"),
    [
        ("degrees", "1", "1 is not in the range of whole numbers from 2"),
        ("degrees", "91", "91 is not in the range of whole numbers from 2 to 90"),
        ("degrees", "x", "'x' is not in the range of whole numbers from 2"),
        ("degrees", "1_0", "'1_0' is not in the range of whole numbers from 2"),
        ("degrees", ",", "is empty"),
        ("where", "up", "'up' is unknown; there are in, out"),
        ("protocols", "all", "'all' is unknown; there are expected, full, sampled"),
        ("memory", "2X", "'2X' is neither a whole number of bytes from 1 nor a size"),
        ("seed", "-1", "-1 is not in the range of whole numbers from 0"),
    ],
)
def test_both_say_the_same_of_a_wrong_value(name, given, why):
    (option,) = [one for one in options_of(Warmer) if one.name == name]
    result, _ = warm(option.flag, given)
    assert result.exit_code == 2
    assert why in " ".join(result.output.split())
    with pytest.raises(CmrError) as raised:
        Oven().warm(**{name: given})
    for part in why.split(" ", 1) if why != "is empty" else [why]:
        assert part in str(raised.value)
    assert str(raised.value).startswith(name)


@pytest.mark.parametrize("command", [evaluate, bench], ids=["evaluate", "bench"])
def test_commands_have_the_declared_options(command):
    """Names, defaults and help; what a field has, nothing else says."""
    declarations = {evaluate: (Request, Division), bench: (BenchSearch, BenchRequest)}[command]
    params = {one.name: one for one in command.params}
    # Of what both declare, `cmr bench` has its own.
    known = {one.name: one for settings in declarations for one in options_of(settings)}
    assert set(params) - set(known) == {"warehouse", "explain"} - (
        set() if command is evaluate else {"explain"}
    )
    with click.Context(command) as ctx:
        for name in set(params) & set(known):
            default = params[name].get_default(ctx)
            found = params[name].type_cast_value(ctx, default)
            assert (found or None) == (known[name].default or None), name
            assert params[name].help == known[name].help
            assert params[name].opts == [known[name].flag]
    if command is evaluate:
        assert set(known) <= set(params)


@pytest.mark.parametrize("settings", [Request, Division, BenchSearch, BenchRequest, Warmer])
def test_defaults_are_values(settings):
    for one in options_of(settings):
        assert one.parse(one.default) == one.default, one.name


def test_words_are_looked_up_when_they_are_asked_for():
    """What another package adds is known without any of the declarations being made again."""
    known = ["in"]

    @dataclass(frozen=True)
    class Late:
        where: One[str] = One(Choice(lambda: known), "in")

    command = declared(Late)(click.command()(lambda where: click.echo(Late(where).where)))
    assert CliRunner().invoke(command, ["--where", "out"]).exit_code == 2
    known.append("out")
    assert CliRunner().invoke(command, ["--where", "out"]).output == "out\n"
    assert "[in|out]" in CliRunner().invoke(command, ["--help"]).output


def test_python_has_the_same_keywords():
    found = inspect.signature(cmr.Warehouse.evaluate).parameters
    assert list(found) == ["self", *(one.name for one in options_of(Request)), "bar"]
    for one in options_of(Request):
        assert found[one.name].default == one.default
    assert [name for name, one in found.items() if one.kind is one.POSITIONAL_OR_KEYWORD] == [
        "self", "dataset", "model",
    ]  # fmt: skip
    assert {one.name for one in fields(EvaluateKeywords)} == set(found) - {"self"}
    assert "Count every query's ranks" in inspect.getdoc(cmr.Warehouse.evaluate)


@pytest.mark.parametrize("name", VALUES)
def test_several_values_in_any_form(name):
    single, text, several = VALUES[name]
    both = tuple(several)
    for given in (text, several, both, np.array(several), iter(several), [*several, *several]):
        assert getattr(Request(**{name: given}), name) == both
    assert getattr(Request(**{name: single}), name) == both[:1]
    assert getattr(Request(), name) is None
    for empty in ([], "", ",", ()):
        with pytest.raises(CmrError, match=f"{name} is empty"):
            Request(**{name: empty})


def test_a_request_is_a_value():
    asked = Request("d", dims="16", k=5, connectivity=None)
    assert asked == Request(dataset="d", dims=(16,), k=[5])
    assert hash(asked) == hash(replace(asked))
    assert pickle.loads(pickle.dumps(asked)) == asked
    assert replace(asked, k=(1, 5)).k == (1, 5)
    assert replace(asked).dims == (16,)
    assert "dims=(16,)" in repr(asked)
    with pytest.raises(AttributeError):
        asked.k = (3,)
