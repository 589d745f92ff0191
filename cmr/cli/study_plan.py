"""What a step of a study would do, and how long it may take, as far as the warehouse tells."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from statistics import median
from typing import TYPE_CHECKING, Any

from cmr.errors import CmrError

if TYPE_CHECKING:
    from cmr.cli.study_file import Step
    from cmr.warehouse.store import Store


def outlook(root: str, step: Step) -> Iterator[str]:
    """Sentences on a step; nothing is written, and nothing is derived."""
    from cmr.warehouse.store import Store

    store = None
    with suppress(CmrError):
        store = Store.open(root)
    if step.name == "evaluate":
        yield from _evaluation(store, step)
    elif step.name == "ingest":
        yield from _ingestion(store, step)


def _value(step: Step, flag: str) -> str | None:
    words = list(step.arguments)
    return words[words.index(flag) + 1] if flag in words else None


def _ingestion(store: Store | None, step: Step) -> Iterator[str]:
    from cmr.warehouse.current import current_sets

    dataset = _value(step, "--dataset")
    models = sorted(
        {row["model"] for row in current_sets(store) if row["dataset"] == dataset} if store else ()
    )
    if models:
        yield f"{dataset} is there, with vectors of {', '.join(models)}; only what is new is added"
    else:
        yield "reads all of it; how long that takes is not known"


def _evaluation(store: Store | None, step: Step) -> Iterator[str]:
    """Representations, scores and time of an evaluation, by the speed of the runs so far."""
    from cmr.pipeline.each_request import each_request
    from cmr.pipeline.evaluate import explain
    from cmr.pipeline.judged_data import find_dataset

    if store is None:
        yield "the data are not there yet, so how much there is to score is not known"
        return
    try:
        every = each_request(store, _request(step))
        plans = [(one, explain(store.root, one)) for one in every]
    except CmrError as error:
        yield f"cannot be said yet: {error}"
        return
    speed = _speed(store)
    for one, rows in plans:
        data = find_dataset(store, one.dataset[0])
        scores = len(rows) * data["texts"] * data["visuals"]
        took = "nothing was scored yet, so how long scoring takes is not known"
        if speed:
            took = f"scoring takes about {_minutes(scores / speed)} if none is finished"
        yield (
            f"{one.model[0]} on {one.dataset[0]}: {len(rows)} representations, {scores:,} scores; "
            f"{took}"
        )


def _request(step: Step) -> Any:
    from cmr.cli.evaluate_command import evaluate
    from cmr.pipeline.option_fields import options_of
    from cmr.pipeline.request import Request

    context = evaluate.make_context("evaluate", list(step.arguments))
    names = {one.name for one in options_of(Request)}
    return Request(**{name: value for name, value in context.params.items() if name in names})


def _speed(store: Store) -> float | None:
    """Scores a second of the runs so far, in the median."""
    from cmr.warehouse.current import current_runs

    found = [
        row["queries"] * row["gallery"] / row["seconds"]
        for row in current_runs(store)
        if row["seconds"]
    ]
    return median(found) if found else None


def _minutes(seconds: float) -> str:
    """A time in words, as coarse as it is known."""
    if seconds < 90:
        return f"{max(1, round(seconds))} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"
