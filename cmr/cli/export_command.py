"""`cmr export`: one subcommand per format, generated from the format's description."""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

import click

from cmr.cli.groups import SuggestingGroup
from cmr.cli.known_names import one_dataset, one_model, one_qrels
from cmr.cli.options import (
    POSITIVE,
    SEED,
    Whole,
    query_memory_option,
    sandbox_option,
    warehouse_option,
)
from cmr.cli.progress import progress
from cmr.cli.terminal import read_stdin, say, stdout_bytes
from cmr.precision import PRECISIONS
from cmr.represent.dim_methods import METHODS

if TYPE_CHECKING:
    from cmr.export.format import Asked, Format
    from cmr.sources.source import Parameter
    from cmr.warehouse.store import Store

# A table, view or macro call, which needs `from` in front of it.
_NAMED = re.compile(r"\s*\w+(\s*\(.*\))?\s*;?\s*", re.DOTALL)
STDOUT = "-"


class Formats(SuggestingGroup):
    """Subcommands, one per registered format; a format is loaded when it is needed."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Names of all formats, including those of other packages."""
        from cmr.export.formats import names

        return names()

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """The subcommand of a format, or None."""
        from cmr.export.formats import get

        found = get(cmd_name)
        return None if found is None else _command(found)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """One line per format, with a first example."""
        from cmr.errors import CmrError
        from cmr.export.formats import get

        with formatter.section("Formats"):
            for name in self.list_commands(ctx):
                try:
                    found = get(name)
                except CmrError as error:
                    formatter.write(f"  {name:<16}{error}\n")
                    continue
                if found is not None:
                    formatter.write(f"  {name:<16}{found.summary}\n")
                    formatter.write(f"  {'':<16}{found.examples[0]}\n")


@click.group(cls=Formats)
def export() -> None:
    """Write tables, figures, runs and vectors in the formats that other tools read.

    Each format has its own help: `cmr export trec --help`. A file or folder appears under its
    name once it is complete; an existing one is replaced only with --force.
    """


def _command(form: Format) -> click.Command:
    def run(**given: Any) -> None:
        _run(form, given)

    shown = "\n".join(f"    {line}" for line in form.examples)
    if form.again:
        shown += f"\n\n\b\nRead again:\n    {form.again}"
    return click.Command(
        form.name,
        params=[*_shared(form), *map(_parameter, form.parameters)],
        callback=run,
        help=f"{form.summary}\n\n{form.about}\n\n\b\n{shown}",
        short_help=form.summary,
    )


def _parameter(one: Parameter) -> click.Parameter:
    flag = "--" + one.name.replace("_", "-")
    if one.kind is bool:
        return click.Option([flag, one.name], is_flag=True, help=one.help)
    kind: click.ParamType[Any] = Whole(0) if one.kind is int else click.STRING
    if one.choices:
        kind = click.Choice(one.choices)
    return click.Option(
        [flag, one.name],
        type=kind,
        default=one.default,
        show_default=one.default is not None,
        help=one.help,
    )


def _shared(form: Format) -> list[click.Parameter]:
    """Options for what to export, where to, and the selectors that the format takes."""

    def warehouse() -> None: ...

    found: list[click.Parameter] = list(click.command()(warehouse_option(warehouse)).params)
    if form.needs == "query":
        found.insert(0, click.Argument(["what"]))
    where = {"stream": "File to write, - for stdout.", "file": "File to write."}
    found.append(
        click.Option(
            ["-o", "--out", "--output", "out"],
            required=form.into != "stream",
            default=STDOUT if form.into == "stream" else None,
            show_default=form.into == "stream",
            metavar="PATH",
            help=where.get(form.into, "Folder to create."),
        )
    )
    found.append(click.Option(["--force"], is_flag=True, help="Replace what already exists."))
    more = query_memory_option if form.needs != "query" else _of_queries
    found += click.command()(more(warehouse)).params
    return found + _selectors(form)


def _of_queries(command: Callable[..., Any]) -> Callable[..., Any]:
    return sandbox_option(query_memory_option(command))


def _selectors(form: Format) -> list[click.Parameter]:
    if form.needs in ("query", "warehouse"):
        return []
    only = "  [default: all]" if form.needs == "runs" else "  [default: the only one]"
    finest = {
        "representation": "  [default: the only one, or native fp32]",
        "representations": "  [default: the only one, or fp32]",
    }.get(form.needs, only)
    many = form.needs == "representations"
    dim = click.Option(["--dim"], type=POSITIVE, help="Number of dimensions." + finest)
    if many:
        from cmr.cli.options import comma

        whole = "Numbers of dimensions.  [default: all there are]"
        dim = click.Option(["--dim"], type=comma(POSITIVE), help=whole)
    found: list[click.Parameter] = [
        click.Option(["--dataset"], shell_complete=one_dataset, help="Data set." + only),
        click.Option(["--model"], shell_complete=one_model, help="Model." + only),
        dim,
        click.Option(["--precision"], help=f"One of {', '.join(PRECISIONS)}." + finest),
        click.Option(["--dim-method"], help=f"One of {', '.join(METHODS)}." + finest),
        click.Option(["--seed"], type=SEED, help="Seed of the run or dimension method." + only),
    ]
    if form.needs in ("run", "runs"):
        found.append(
            click.Option(
                ["--qrels"], shell_complete=one_qrels, help="Name of the judgments." + only
            )
        )
        sides = click.Choice(["t2v", "v2t"])
        found.append(click.Option(["--direction"], type=sides, help="t2v: texts ask." + only))
    if not many:
        found.append(
            click.Option(["--run"], help="A run, by the start of its id or by its settings.")
        )
    return found


def _run(form: Format, given: dict[str, Any]) -> None:
    from cmr.errors import CmrError
    from cmr.export.fit_told import tell_fit
    from cmr.export.target import opened, replacing
    from cmr.warehouse.store import Store

    out, force = given.pop("out"), given.pop("force")
    options = {one.name: given.pop(one.name) for one in form.parameters}
    asked = _asked(form, Store.open(given.pop("warehouse")), options, given)
    if out == STDOUT:
        if form.into != "stream":
            raise CmrError(f"{form.name} is not one stream; give --out a path")
        if not form.text and sys.stdout.isatty():
            raise CmrError(f"{form.name} is not for terminals; give --out FILE or pipe it")
        to = stdout_bytes() if form.text else sys.stdout.buffer
        form.write(asked, to)
        to.flush()
        if asked.runs:
            tell_fit(asked)
        return
    with replacing(out, force) as path:
        if form.into == "stream":
            with opened(path) as stream:
                form.write(asked, stream)
        else:
            form.write(asked, path)
    say(out, err=True)
    if asked.runs:
        tell_fit(asked)


def _asked(
    form: Format, warehouse: Store, options: Mapping[str, Any], given: dict[str, Any]
) -> Asked:
    """Resolve the selectors to rows of the catalogue."""
    from cmr.export import choose
    from cmr.export.format import Asked

    run = given.pop("run", None)
    found: dict[str, Any] = {}
    if form.needs == "query":
        what = read_stdin() if given["what"] == "-" else given["what"]
        found["sandbox"] = given.pop("sandbox")
        found["query"] = f"from {what}" if _NAMED.fullmatch(what) else what
    elif form.needs == "run":
        found["runs"] = (choose.one_run(warehouse, run, given),)
    elif form.needs == "runs":
        found["runs"] = tuple(choose.runs(warehouse, run, given))
    elif form.needs == "representation":
        found["pairs"] = (choose.one_pair(warehouse, run, given),)
    elif form.needs == "representations":
        found["pairs"] = choose.by_dim(warehouse, given)
    return Asked(warehouse, options, bar=progress, say=lambda text: say(text, err=True), **found)
