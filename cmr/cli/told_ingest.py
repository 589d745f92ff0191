"""What an ingest has made, in words on stderr."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cmr.cli.terminal import say

if TYPE_CHECKING:
    from cmr.pipeline.ingest import Ingested


def tell_ingested(done: Ingested) -> None:
    """Print one line of what exists now, and the rejects."""
    dims = ", ".join(map(str, done.dims))
    what = f"{done.texts:,} texts, {done.visuals:,} visuals, {done.judgments:,} pairs"
    if done.new:
        say(
            f"{done.dataset}: {what}; vectors of {done.model} at {dims} ({done.seconds:.1f} s)",
            err=True,
        )
    else:
        say(f"{done.dataset}: already there ({what}; {done.model} at {dims})", err=True)
    if done.new and done.encoded is not None and done.encoded != (done.visuals, done.texts):
        visuals, texts = done.encoded
        say(
            f"encoded {visuals:,} visuals and {texts:,} texts; the rest were already encoded",
            err=True,
        )
    if done.cut:
        say(
            f"{done.cut:,} captions are longer than the model's {done.context_length} tokens; "
            "it does not see the rest",
            err=True,
        )
    for note in done.notes:
        say(note, err=True)
    if done.rejects:
        say(f"{len(done.rejects)} rejected, listed in the table rejects:", err=True)
        for reject in done.rejects[:5]:
            say(f"  {reject.source_row}: {reject.reason}", err=True)
        if len(done.rejects) > 5:
            say(f"  and {len(done.rejects) - 5} more", err=True)
