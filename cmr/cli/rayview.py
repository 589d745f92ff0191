"""`--engine ray`: one progress view for all tasks."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cmr.cli.progress import board, progress
from cmr.cli.terminal import say

if TYPE_CHECKING:
    from cmr.engine.ray_board import State
    from cmr.engine.shared_work import Work
    from cmr.pipeline.evaluate import Evaluated
    from cmr.pipeline.request import Request


def evaluate_on_ray(
    warehouse: str, request: Request, address: str | None, shards: int | None
) -> Evaluated:
    """Evaluate with Ray tasks, and show the progress of all of them."""
    from cmr.engine.ray_session import session
    from cmr.engine.ray_tasks import run
    from cmr.pipeline.sharded import evaluate_in_tasks

    def count(works: list[Work]) -> dict[str, int]:
        with session(address) as (ray, url):
            if url:
                say(f"Ray's dashboard: {url}", err=True)
            with board("scores") as show:
                return run(ray, works, shards, lambda state: show(*_said(state)))

    return evaluate_in_tasks(warehouse, request, progress, count)


def _said(state: State) -> tuple[str, int, int]:
    """The bar's text about the tasks, the scores counted, and their total."""
    text = f"{state.done} of {state.total} tasks"
    if state.running:
        text += f", {state.running} running"
    if state.retries:
        text += f", {state.retries} restarted"
    if state.failed:
        text += f", {state.failed} failed"
    return text, state.counted, state.cells
