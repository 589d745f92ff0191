"""`cmr gate`: whether a run may replace a baseline, as an exit code."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

import click

from cmr.cli.known_names import one_run
from cmr.cli.options import POSITIVE, Share, comma, query_memory_option, warehouse_option
from cmr.cli.progress import progress
from cmr.cli.terminal import say
from cmr.errors import CmrError
from cmr.progressbar import waiting
from cmr.protocols import way

if TYPE_CHECKING:
    from cmr.warehouse.store import Store

FORMATS = ("text", "markdown", "json", "junit")
# Exit codes; 2 is click's, for usage.
CODES = {"pass": 0, "fail": 1, "undecided": 3}


@click.command()
@click.argument("run", required=False, shell_complete=one_run)
@warehouse_option
@query_memory_option
@click.option(
    "--baseline",
    metavar="RUN|FILE",
    shell_complete=one_run,
    help="What the run is held against.",
)
@click.option(
    "--margin",
    default=0.005,
    show_default=True,
    type=Share(),
    help="The loss that is accepted, in the measure's own units.",
)
@click.option(
    "--measure", "measures", type=comma(str), default="recall", show_default=True,
    help="What must not be lost.",
)  # fmt: skip
@click.option("--k", default=10, show_default=True, type=POSITIVE, help="Cut-off K.")
@click.option("--by", "attribute", metavar="NAME", help="Also in every slice by this attribute.")
@click.option("--in-sample", is_flag=True, help="Use ranks as they are, even in-sample ones.")
@click.option("--format", "form", type=click.Choice(FORMATS), default="text", show_default=True)
@click.option("--output", type=click.Path(dir_okay=False), help="File to write instead of stdout.")
@click.option(
    "--save", metavar="FILE", type=click.Path(dir_okay=False),
    help="Write RUN as a baseline file instead, to be committed to a repository.",
)  # fmt: skip
def gate(
    run: str | None,
    warehouse: str,
    baseline: str | None,
    form: str,
    output: str | None,
    save: str | None,
    **how: Any,
) -> None:
    """Pass RUN if it is sure to lose no more than a margin against a baseline.

    RUN and the baseline are named as for `cmr compare`; the baseline may also be a file that --save
    wrote, of which only counts by query are kept. Without RUN, the run with the baseline's settings
    is judged. It passes if the lower end of the paired 95% interval of the difference is at least
    -margin (exit code 0), fails if the upper end is below that (1), and is undecided otherwise (3):
    then it is said how many queries would decide. It is undecided, too, with fewer than 30 visual
    items, and where the baseline is not clearly above chance. With several directions, measures or
    slices one failure fails; slices with fewer than 30 visual items are named, and left out.

    \b
    cmr gate precision=int8,dim=512 --save baseline.parquet
    cmr gate precision=int8,dim=512 --baseline baseline.parquet
    cmr gate precision=int4,dim=512 --baseline precision=fp32,dim=512 --margin 0.01
    cmr gate precision=int4,dim=512 --baseline precision=fp32,dim=512 --by category
    cmr gate --baseline baseline.parquet --format markdown >> "$GITHUB_STEP_SUMMARY"
    """
    from cmr.api.gate import GatedBy, overall
    from cmr.api.gate import gate as judged
    from cmr.cli.gate_formats import written
    from cmr.cli.startup import without_pandas
    from cmr.warehouse.store import Store

    without_pandas()
    store = Store.open(warehouse)
    if save is not None:
        _save(store, run, baseline, save)
        return
    if baseline is None:
        raise CmrError("--baseline names what the run is held against: a run, or a file of --save")
    with waiting(progress, "comparing"):
        found = judged(store, baseline, run, GatedBy(**how))
    text = written(found, form)
    if output is None:
        say(text.rstrip("\n"))
    else:
        _write(output, text.encode())
    sys.exit(CODES[overall(found)])


def _save(store: Store, run: str | None, baseline: str | None, path: str) -> None:
    from cmr.api.comparison import representation
    from cmr.api.gate import as_baseline

    if run is None or baseline is not None:
        raise CmrError(
            "--save writes the run that is named before it; it needs that, and no --baseline"
        )
    rows, data = as_baseline(store, run)
    _write(path, data)
    for row in rows:
        who = f"{row['dataset']} {way(row['direction'], row['qrels'])}: {row['model']}"
        say(f"{who} {representation(row)}", err=True)
    say(f"{path}: {len(data):,} bytes")


def _write(path: str, data: bytes) -> None:
    """Write a file atomically, replacing an existing one."""
    from cmr.export.target import opened, replacing

    with replacing(path, force=True) as part, opened(part) as stream:
        stream.write(data)
