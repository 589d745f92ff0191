"""`cmr report`: files to send to a colleague."""

from __future__ import annotations

from collections import Counter
from itertools import chain
from pathlib import Path

import click

from cmr.cli.known_names import many_datasets, many_models
from cmr.cli.options import comma, query_memory_option, warehouse_option
from cmr.cli.progress import progress
from cmr.cli.terminal import say
from cmr.progressbar import waiting
from cmr.report.languages import languages


@click.command()
@warehouse_option
@query_memory_option
@click.option(
    "--out", default="report", show_default=True, type=click.Path(file_okay=False), help="Folder."
)
@click.option(
    "--dataset",
    "datasets",
    type=comma(str),
    multiple=True,
    shell_complete=many_datasets,
    help="Only these data sets.",
)
@click.option(
    "--model",
    "models",
    type=comma(str),
    multiple=True,
    shell_complete=many_models,
    help="Only these models.",
)
@click.option(
    "--lang", type=click.Choice(languages()), default="en", show_default=True, help="Language."
)
@click.option(
    "--images",
    type=click.Path(exists=True),
    help="Folder, zip or tar of the pictures, if they have moved since they were ingested.",
)
@click.option(
    "--flips",
    nargs=2,
    multiple=True,
    metavar="A B",
    help="Runs whose rank changes the page shows, named as for `cmr compare`.",
)
def report(
    warehouse: str,
    out: str,
    datasets: tuple[tuple[str, ...], ...],
    models: tuple[tuple[str, ...], ...],
    lang: str,
    images: str | None,
    flips: tuple[tuple[str, str], ...],
) -> None:
    """Write the results as a web page, as figures and tables for papers, and as data.

    index.html is the page, a single file that works offline. plots/ has PNG and SVG of every
    plot, tables/ LaTeX and Markdown; the CSVs and experiment_summary.json, which
    experiment_summary.schema.json describes, have every figure.

    \b
    cmr report --out report
    cmr report --out report-zh --lang zh
    cmr report --dataset coco,flickr --model ViT-B-32/openai
    cmr report --flips precision=fp32,dim=512 precision=int4,dim=512
    """
    from cmr.api.select import pairs
    from cmr.report.write import Which, write_report
    from cmr.warehouse.current import current_runs
    from cmr.warehouse.store import Store

    opened = Store.open(warehouse)
    runs = current_runs(opened) if flips else []
    pair_ids = [(x["run_id"], y["run_id"]) for a, b in flips for x, y in pairs(runs, a, b)]
    which = Which(tuple(chain(*datasets)), tuple(chain(*models)))
    with waiting(progress, "writing the report"):
        paths = write_report(
            opened.root, out, which=which, lang=lang, images=images, flips=pair_ids, bar=progress
        )
    for line in _listed(out, paths):
        say(line)
    if str(Path(out) / "speed.csv") not in paths:
        say("it has no speed figures; `cmr bench` measures them", err=True)


def _listed(out: str, paths: list[str]) -> list[str]:
    """The files at the top level, and how many there are in each folder."""
    inside: dict[str, Counter[str]] = {}
    top = []
    for path in map(Path, paths):
        below = path.relative_to(out)
        if len(below.parts) == 1:
            top.append(str(path))
        else:
            inside.setdefault(below.parts[0], Counter())[below.suffix[1:]] += 1
    folders = [
        f"{Path(out) / name}/ ({', '.join(f'{n} {kind}' for kind, n in sorted(kinds.items()))})"
        for name, kinds in sorted(inside.items())
    ]
    return [*sorted(top, key=lambda path: not path.endswith(".html")), *folders]
