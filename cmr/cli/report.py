"""`cmr report`: files to send to a colleague."""

from __future__ import annotations

import click

from cmr.cli.options import warehouse_option
from cmr.report.words import languages


@click.command()
@warehouse_option
@click.option(
    "--out", default="report", show_default=True, type=click.Path(file_okay=False), help="Folder."
)
@click.option("--dataset", help="Only the runs of this data set.")
@click.option("--lang", type=click.Choice(languages()), default="en", show_default=True)
def report(warehouse: str, out: str, dataset: str | None, lang: str) -> None:
    """Write a summary (JSON), tables (CSV) and plots (PNG).

    \b
    cmr report --out report
    cmr report --out report-zh --lang zh
    """
    from cmr.report.write import write_report
    from cmr.warehouse.store import Warehouse

    for path in write_report(Warehouse.open(warehouse).root, out, dataset=dataset, lang=lang):
        click.echo(path)
