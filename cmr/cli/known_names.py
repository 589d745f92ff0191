"""The names that a warehouse has, for completion: data sets, models, judgments and runs."""

from __future__ import annotations

import os
import warnings
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import click
from click.shell_completion import CompletionItem

from cmr.errors import CmrError

if TYPE_CHECKING:
    from cmr.warehouse.store import Store

Complete = Callable[[click.Context, click.Parameter, str], list[CompletionItem]]
# Settings of a run whose values are few; with a `=` they name runs as well.
_SETTINGS = ("dataset", "model", "qrels", "direction", "dim", "precision", "scorer")


def datasets(store: Store) -> list[str]:
    """The names of all data sets."""
    from cmr.warehouse.schemas import DATASETS

    return sorted({row["dataset"] for row in store.catalogue(DATASETS)})


def models(store: Store) -> list[str]:
    """The names of all models that have vectors or runs."""
    from cmr.warehouse.schemas import EMBEDDING_SETS, RUNS

    return sorted(
        {row["model"] for table in (EMBEDDING_SETS, RUNS) for row in store.catalogue(table)}
    )


def judgments(store: Store) -> list[str]:
    """The names of all judgments."""
    from cmr.pipeline.request import DEFAULT_QRELS
    from cmr.warehouse.schemas import QRELS_SETS

    return sorted({DEFAULT_QRELS, *(row["qrels"] for row in store.catalogue(QRELS_SETS))})


def runs(store: Store) -> list[str]:
    """The ids of the current runs, then what their settings are, such as dim=512."""
    from cmr.warehouse.current import current_runs

    rows = current_runs(store)
    settings = {
        f"{name}={row[name]}": None
        for name in _SETTINGS
        for row in sorted(rows, key=lambda row: str(row[name]))
    }
    return [*sorted(row["run_id"] for row in rows), *settings]


def completed(names: Callable[[Store], Sequence[str]], many: bool = False) -> Complete:
    """A completion of a command's option by the names in its warehouse.

    `many`: the value is a list with commas, whose last part is completed. Without a warehouse
    nothing is offered: a completion cannot report an error.
    """

    def complete(
        ctx: click.Context, param: click.Parameter, incomplete: str
    ) -> list[CompletionItem]:
        before, comma, last = incomplete.rpartition(",") if many else ("", "", incomplete)
        return [
            CompletionItem(f"{before}{comma}{name}")
            for name in _asked(ctx, names)
            if name.startswith(last)
        ]

    return complete


def _asked(ctx: click.Context, names: Callable[[Store], Sequence[str]]) -> Sequence[str]:
    from cmr.warehouse.store import Store

    # While completing, click fills in no defaults.
    root = ctx.params.get("warehouse") or os.environ.get("CMR_WAREHOUSE") or "warehouse"
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return names(Store.open(root))
    except (CmrError, OSError):
        return ()


one_dataset, many_datasets = completed(datasets), completed(datasets, many=True)
one_model, many_models = completed(models), completed(models, many=True)
one_qrels = completed(judgments)
# Several settings of a run have commas between them.
one_run = completed(runs, many=True)
# By the name of an option that a dataclass declares.
BY_OPTION = {
    "dataset": many_datasets,
    "model": many_models,
    "qrels": one_qrels,
    "fit_on": one_dataset,
}
