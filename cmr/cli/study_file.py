"""A study's file: the steps of it, each a command of cmr with its options, checked."""

from __future__ import annotations

import difflib
import shlex
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import click

from cmr.errors import CmrError
from cmr.plain import open_plain

# In the order in which they run, whatever the order in the file; `report` and `gate` come last.
STEPS = ("ingest", "evaluate", "bench", "recommend", "report", "gate")
WAREHOUSE = "warehouse"
EXAMPLE = """\
# A study: every step is a command of cmr, and its keys are that command's options, with their
# names as in `cmr evaluate --help` but without the dashes. `cmr study FILE` runs what is not done
# yet; if it is stopped, the same command resumes.

# Folder or URL of the warehouse.
warehouse = "warehouse"

# Where the data come from; one table per source and model. `source` is a subcommand of
# `cmr ingest`, and `path` what it reads.
[[ingest]]
source = "npz"
path = "vectors.npz"
dataset = "mine"
model_name = "my-model"

# [[ingest]]
# source = "pairs"
# path = "captions.csv"
# dataset = "mine"
# model = "ViT-B-32"
# pretrained = "laion2b_s34b_b79k"

# What is scored: all models of all data sets, unless named. Without dims and precisions it is the
# published grid and the native dimension.
[[evaluate]]
precisions = ["fp16", "int8", "int4"]
# dims = [256, 512]

# A second table, for a scorer of its own:
# [[evaluate]]
# scorer = "usearch-hnsw"
# expansion_search = [16, 64, 256]

# Speed; leave it out where only quality counts.
# [[bench]]
# precisions = ["fp32", "int8"]

# The fewest bytes that keep this share of the quality.
[recommend]
retain = 0.99

[report]
out = "report"

# [gate]
# run = "precision=int8,dim=512"
# baseline = "precision=fp32,dim=512"
# margin = 0.005
"""


@dataclass(frozen=True)
class Step:
    """One command: its name, and its arguments as of the command line, the warehouse included."""

    name: str
    arguments: tuple[str, ...]

    @property
    def command(self) -> str:
        """As one would type it."""
        return shlex.join(["cmr", self.name, *self.arguments])


def read_study(path: str, main: click.Group) -> tuple[str, list[Step]]:
    """The warehouse and the steps of a study's file, in the order in which they run.

    `main`: the command line, whose commands know their options. Raises CmrError, with the place,
    for a file that is none, and for a step or an option that does not exist.
    """
    try:
        with open_plain(path) as stream:
            study = tomllib.load(stream)
    except OSError as error:
        raise CmrError(f"cannot read {path}: {error.strerror or error}") from None
    except (tomllib.TOMLDecodeError, UnicodeError) as error:
        raise CmrError(f"{path} is not TOML: {error}") from None
    root = study.pop(WAREHOUSE, WAREHOUSE)
    if not isinstance(root, str):
        raise CmrError(f"{path}: {WAREHOUSE} is a path, not {root!r}")
    for name in study:
        if name not in STEPS:
            raise CmrError(f"{path}: there is no step {name!r}{_meant(name, STEPS)}")
    steps = [step for name in STEPS for step in _steps(path, name, study.get(name), root, main)]
    if not steps:
        raise CmrError(f"{path} has no step; there are {', '.join(STEPS)}")
    return root, steps


def _steps(path: str, name: str, given: Any, root: str, main: click.Group) -> Iterator[Step]:
    tables = [] if given is None else given if isinstance(given, list) else [given]
    for place, table in enumerate(tables, 1):
        where = f"{path}, {name} {place}" if len(tables) > 1 else f"{path}, {name}"
        if not isinstance(table, dict):
            raise CmrError(f"{where}: a step is a table of options, not {table!r}")
        yield Step(name, (*_arguments(where, name, dict(table), main), "--warehouse", root))


def _arguments(where: str, name: str, table: dict[str, Any], main: click.Group) -> list[str]:
    """A table as arguments of its command. Raises CmrError for an option that it does not have."""
    context = click.Context(main)
    command = main.get_command(context, name)
    source_name: list[str] = []
    if isinstance(command, click.Group):
        source = table.pop("source", None)
        command = command.get_command(context, str(source)) if source is not None else None
        if command is None:
            have = "names no source" if source is None else f"has no source {source!r}"
            raise CmrError(f"{where} {have}; `cmr {name} --help` lists them")
        source_name = [str(source)]
    assert command is not None
    options = {_key(one): one for one in command.params}
    options.pop(WAREHOUSE, None)
    positional: list[str] = []
    found: list[str] = []
    for key, value in table.items():
        plain = key.replace("-", "_")
        option = options.get(plain)
        if plain == "path" and option is None:
            arguments = [one for one in command.params if isinstance(one, click.Argument)]
            option = arguments[0] if arguments else None
        if option is None:
            raise CmrError(f"{where}: there is no option {key!r}{_meant(plain, options)}")
        if isinstance(option, click.Argument):
            positional += _words(where, key, value)
        else:
            found += _option(where, key, option, value)
    return [*source_name, *positional, *found]


def _key(option: click.Parameter) -> str:
    """What an option is called in a file: its long name with underscores."""
    if isinstance(option, click.Argument):
        return str(option.name)
    return max(option.opts, key=len).removeprefix("--").replace("-", "_")


def _option(where: str, key: str, option: click.Parameter, value: Any) -> list[str]:
    flag = max(option.opts, key=len)
    if isinstance(option, click.Option) and option.is_flag:
        if not isinstance(value, bool):
            raise CmrError(f"{where}: {key} is true or false, not {value!r}")
        return [flag] if value else []
    if isinstance(option, click.Option) and option.multiple and isinstance(value, list):
        return [word for one in value for word in (flag, *_words(where, key, one))]
    return [flag, ",".join(_words(where, key, value))]


def _words(where: str, key: str, value: Any) -> list[str]:
    """A value as texts."""
    found = value if isinstance(value, list) else [value]
    for one in found:
        if isinstance(one, dict | list | bool):
            raise CmrError(f"{where}: {key} is a text, a number or a list of them, not {one!r}")
    return [str(one) for one in found]


def _meant(given: str, known: Any) -> str:
    near = difflib.get_close_matches(given, list(known), 1)
    return f"; did you mean {near[0]!r}?" if near else f"; there are {', '.join(known)}"
