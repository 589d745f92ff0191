"""Whether the values of a study's steps can be meant, as far as that is known before they run."""

from __future__ import annotations

import glob
import os
from collections.abc import Iterable, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import click

from cmr.errors import CmrError

if TYPE_CHECKING:
    from cmr.cli.study_file import Step
    from cmr.warehouse.store import Store


def check_steps(root: str, steps: Sequence[Step], main: click.Group) -> None:
    """Raise CmrError, which says the step, for the first value that no command would take.

    What depends on data that an earlier step has yet to ingest is left to the run.
    """
    from cmr.warehouse.store import Store

    store = None
    with suppress(CmrError):
        store = Store.open(root)
    for number, step in enumerate(steps, 1):
        try:
            _check(store, step, steps, main)
        except click.UsageError as error:
            raise CmrError(f"step {number} of {len(steps)}: {error.format_message()}") from None
        except CmrError as error:
            raise CmrError(f"step {number} of {len(steps)}: {error}") from None


def _check(store: Store | None, step: Step, steps: Sequence[Step], main: click.Group) -> None:
    command, values = _parsed(step, main)
    if step.name == "ingest":
        _check_source(command, values)
    elif step.name in ("evaluate", "bench"):
        _check_scored(store, step, values, [one for one in steps if one.name == "ingest"])
    elif step.name == "gate":
        from cmr.api.select import check_settings

        for given in (values["run"], values["baseline"]):
            if given is not None and not _names_file(given):
                check_settings(given)
        if _names_file(values["baseline"]):
            _check_there("baseline", values["baseline"])


def _parsed(step: Step, main: click.Group) -> tuple[click.Command, dict[str, Any]]:
    """A step's command, and its options as that would get them."""
    context = click.Context(main)
    command = main.get_command(context, step.name)
    arguments = list(step.arguments)
    if isinstance(command, click.Group):
        command = command.get_command(context, arguments.pop(0))
    assert command is not None
    made = command.make_context(step.name, arguments)
    return command, made.params


def _check_source(command: click.Command, values: dict[str, Any]) -> None:
    """Whether what it reads is there, and its model exists."""
    from cmr.sources.source_kinds import get

    source = get(str(command.name))
    named = [one.name for one in source.parameters if one.path] if source else ["file", "files"]
    for name in named:
        given = values.get(name)
        for path in given if isinstance(given, list | tuple) else [given]:
            if path is not None:
                _check_there(name, str(path))
    if source is None or not source.media or (source.vectors_by and values[source.vectors_by]):
        return
    from cmr.api.ingestion import own_model
    from cmr.encode.models import check_open_clip, resolve
    from cmr.encode.spec import DEFAULT

    spec = resolve(
        values["model"] or own_model(source), values["pretrained"], values["model_name"],
        values["precision"], values["prompt"],
    )  # fmt: skip
    if spec.kind == DEFAULT:
        check_open_clip(spec.architecture, spec.pretrained)


def _check_there(name: str, given: str) -> None:
    """Raise CmrError where a local path, or each of several with commas, does not exist."""
    for path in (given,) if os.path.exists(given) else given.split(","):
        if "://" not in path and not os.path.exists(path) and not glob.glob(path):
            raise CmrError(f"{name} is {path}, and there is no such file or folder")


def _names_file(given: str | None) -> bool:
    return given is not None and (given.endswith(".parquet") or os.path.exists(given))


def _check_scored(
    store: Store | None, step: Step, values: dict[str, Any], before: Sequence[Step]
) -> None:
    """Whether representations and searches exist, and the data unless they are yet to come."""
    from cmr.pipeline.bench.bench_request import BenchRequest, BenchSearch
    from cmr.pipeline.each_request import each_model
    from cmr.pipeline.evaluate import check
    from cmr.pipeline.option_fields import options_of
    from cmr.pipeline.request import Request
    from cmr.pipeline.request_values import check_values

    kind = Request if step.name == "evaluate" else BenchSearch
    request = kind(**_of(values, (one.name for one in options_of(kind))))
    check_values(request)
    if step.name == "bench":
        BenchRequest(search=request, **_of(values, (one.name for one in options_of(BenchRequest))))
    made = [_dataset(one) for one in before]
    pending = [name for name in made if name is None or not _is_there(store, name)]
    for name in request.dataset:
        if None not in made and name not in made and not _is_there(store, name):
            raise CmrError(f"there is no data set {name!r}, and no step ingests it")
    if store is None and not before:
        raise CmrError("there is no warehouse, and no step ingests data into one")
    if store is not None and not pending:
        for one in each_model(store, request):
            if step.name == "evaluate":
                check(store, one)


def _of(values: dict[str, Any], names: Iterable[str]) -> dict[str, Any]:
    return {name: values[name] for name in names if name in values}


def _dataset(step: Step) -> str | None:
    """The data set that an ingest makes, if it says so."""
    words = step.arguments
    return words[words.index("--dataset") + 1] if "--dataset" in words else None


def _is_there(store: Store | None, dataset: str) -> bool:
    from cmr.warehouse.current import current_sets

    return store is not None and any(row["dataset"] == dataset for row in current_sets(store))
