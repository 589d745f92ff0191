"""`cmr ingest`: one subcommand per source, generated from the source's description."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from cmr.cli.encoding_options import clip_options, encoding_options
from cmr.cli.groups import SuggestingGroup
from cmr.cli.known_names import one_dataset
from cmr.cli.options import POSITIVE, SEED, warehouse_option
from cmr.cli.progress import progress
from cmr.cli.told_ingest import tell_ingested

if TYPE_CHECKING:
    from cmr.sources.source import Parameter, Source


class Sources(SuggestingGroup):
    """Subcommands, one per registered source; a source is loaded when it is needed."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Names of all sources, including those of other packages."""
        from cmr.sources.source_kinds import names

        return [*names(), "distractors", "qrels", "run", "near-duplicates"]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """The subcommand of a source, or None."""
        from cmr.sources.source_kinds import get

        if cmd_name == "distractors":
            from cmr.cli.distractors_command import distractors

            return distractors
        if cmd_name == "qrels":
            from cmr.cli.qrels_command import qrels

            return qrels
        if cmd_name == "run":
            from cmr.cli.run_command import run

            return run
        if cmd_name == "near-duplicates":
            from cmr.cli.near_duplicates_command import near_duplicates

            return near_duplicates
        source = get(cmd_name)
        return None if source is None else _command(source)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """One line per source, with a first example."""
        from cmr.errors import CmrError
        from cmr.sources.source_kinds import get

        rows = []
        for name in self.list_commands(ctx):
            try:
                source = get(name)
            except CmrError as error:
                rows.append((name, str(error)))
                continue
            if source is not None:
                rows.append((name, f"{source.summary}\n{source.examples[0]}"))
        more = "Gallery items that no query looks for, for an existing data set."
        rows.append(("distractors", f"{more}\ncmr ingest distractors web.npy --dataset coco"))
        judgments = "Further relevance judgments for an existing data set."
        rows.append(("qrels", f"{judgments}\ncmr ingest qrels judged.trec --dataset coco"))
        lists = "Ranked lists of another system, as a run on an existing data set."
        rows.append(("run", f"{lists}\ncmr ingest run service.trec --as service --dataset coco"))
        near = "How many near-duplicates each item has, by its vectors, as an attribute."
        rows.append(("near-duplicates", f"{near}\ncmr ingest near-duplicates --dataset coco"))
        with formatter.section("Sources"):
            for name, text in rows:
                summary, _, example = text.partition("\n")
                formatter.write(f"  {name:<16}{summary}\n")
                if example:
                    formatter.write(f"  {'':<16}{example}\n")


@click.group(cls=Sources)
def ingest() -> None:
    """Read a data set into the warehouse.

    Each source has its own help: `cmr ingest coco --help`.
    """


def _command(source: Source) -> click.Command:
    def run(**given: Any) -> None:
        _run(source, given)

    shown = "\n".join(f"    {line}" for line in source.examples)
    return click.Command(
        source.name,
        params=[*map(_parameter, source.parameters), *_shared(source)],
        callback=run,
        help=f"{source.summary}\n\n{source.about}\n\n\b\n{shown}",
        short_help=source.summary,
    )


def _parameter(one: Parameter) -> click.Parameter:
    kind = POSITIVE if one.kind is int else click.STRING
    if one.argument:
        return click.Argument([one.name], required=one.required, nargs=-1 if one.many else 1)
    flags = ["--" + name.replace("_", "-") for name in (one.name, one.formerly) if name]
    return click.Option(
        [*flags, one.name],
        type=kind,
        required=one.required,
        default=one.default,
        show_default=one.default is not None,
        help=one.help,
    )


def _shared(source: Source) -> list[click.Parameter]:
    """Options of every source, and those of sources whose pictures are encoded."""

    def warehouse() -> None: ...

    by = next((one for one in source.parameters if one.name == source.named_by), None)
    named = source.name
    if by is not None:
        named = f"named after {by.name.upper() if by.argument else '--' + by.name}"
    found: list[click.Parameter] = [
        click.Option(
            ["--dataset"],
            shell_complete=one_dataset,
            help=f"Name of the data set.  [default: {named}]",
        ),
        click.Option(["--model-name"], help="Name of the vectors in the warehouse."),
        click.Option(
            ["--shuffle-queries"],
            is_flag=True,
            help="Put the texts and their ground truth in a seeded random order.",
        ),
        click.Option(
            ["--seed"],
            default=42,
            show_default=True,
            type=SEED,
            help="Seed of --shuffle-queries.",
        ),
        *click.command()(warehouse_option(warehouse)).params,
    ]
    return [
        *found,
        *(encoding_options(source) if source.media else []),
        *(clip_options() if source.clips else []),
    ]


def _run(source: Source, given: dict[str, Any]) -> None:
    from cmr.api.ingestion import ingest_source

    tell_ingested(ingest_source(given.pop("warehouse"), source, bar=progress, **given))
