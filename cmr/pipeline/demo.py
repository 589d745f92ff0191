"""The demonstration: scenes, scenes-tiny, the published grid, a report."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from cmr.encode.models import EMBEDDED, resolve
from cmr.pipeline.encoding import EncodeOptions
from cmr.pipeline.evaluate import evaluate
from cmr.pipeline.ingest import ingest_media
from cmr.pipeline.request import Request
from cmr.progressbar import ProgressBar, waiting
from cmr.sources.scenes import SOURCE
from cmr.sources.source_kinds import read
from cmr.warehouse.store import Store

DATASET = "scenes"
# How many items of a list the report's gallery shows.
HITS = 10


@dataclass(frozen=True)
class Demo:
    """What the demonstration made; `new` if there was anything to do.

    `shown`: as of `Evaluated`.
    """

    shown: list[tuple[list[str], Request]]
    report: str
    new: bool


def run_demo(root: str, out: str, bar: ProgressBar, say: Callable[[str], None]) -> Demo:
    """Run every step that is not done yet; `say` reports each."""
    spec = resolve(EMBEDDED, None)
    ingested = ingest_media(root, DATASET, spec, read(SOURCE, {}), EncodeOptions(device="cpu"), bar)
    if ingested.new:
        say(
            f"{ingested.visuals:,} pictures and {ingested.texts:,} captions encoded by "
            f"{spec.name} ({ingested.seconds:.1f} s)"
        )
    request = Request(dataset=DATASET, model=spec.name, device="cpu", hits=HITS)
    done = evaluate(root, request, bar)
    if done.scored:
        say(f"{len(done.scored)} runs scored ({done.seconds:.1f} s)")
    summary = Path(out) / "experiment_summary.json"
    new = ingested.new or bool(done.scored) or not summary.is_file()
    if new:
        from cmr.report.write import Which, write_report

        with waiting(bar, "writing the report"):
            write_report(Store.open(root).root, out, which=Which(run_ids=done.run_ids), bar=bar)
    return Demo(done.shown, str(summary.parent), new)
