"""The `cmr` command and its subcommands."""

from __future__ import annotations

import contextlib
import errno
import importlib
import os
import sys
import warnings
from collections.abc import Iterator
from typing import Any

import click

from cmr.cli.groups import SuggestingGroup
from cmr.cli.streams import BROKEN_PIPE, reader_has_left, streams
from cmr.cli.terminal import check_arguments, complain, visible
from cmr.errors import CmrError, DamageWarning, EngineWarning, LeftOutWarning
from cmr.version import __version__

# Subcommand -> module with a click command of that name. Modules are imported only when they
# are needed, so that `cmr --help` and `cmr sql` do not wait for torch.
COMMANDS = {
    "demo": "cmr.cli.demo_command",
    "study": "cmr.cli.study_command",
    "ingest": "cmr.cli.ingest_command",
    "evaluate": "cmr.cli.evaluate_command",
    "runs": "cmr.cli.runs_command",
    "bench": "cmr.cli.bench_command",
    "scorers": "cmr.cli.scorers_command",
    "compare": "cmr.cli.compare_command",
    "cost": "cmr.cli.cost_command",
    "recommend": "cmr.cli.recommend_command",
    "gate": "cmr.cli.gate_command",
    "sql": "cmr.cli.sql_command",
    "export": "cmr.cli.export_command",
    "report": "cmr.cli.report_command",
    "explore": "cmr.cli.explore_command",
    "warehouse": "cmr.cli.warehouse_command",
    "doctor": "cmr.cli.doctor_command",
    "slurm": "cmr.cli.slurm_command",
    "completion": "cmr.cli.completion_command",
}
# Commands that only ask DuckDB. NumPy's BLAS starts its threads when it is imported, a sixth of
# such a command's processor time, and these never multiply.
ASKING = frozenset({"runs", "compare", "cost", "recommend", "gate", "sql", "doctor", "completion"})


@contextlib.contextmanager
def _telling_damage() -> Iterator[None]:
    """Report what was left out, and what engines say, as a sentence on stderr, each once."""
    told: set[str] = set()
    told_plainly = (DamageWarning, EngineWarning, LeftOutWarning)
    others = warnings.showwarning

    def show(message: Any, category: type[Warning], *where: Any, **more: Any) -> None:
        if not issubclass(category, told_plainly):
            others(message, category, *where, **more)
        elif str(message) not in told:
            told.add(str(message))
            complain(str(message))

    with warnings.catch_warnings():
        # DuckDB's client says this of each copy; a small result may be copied. It is repeated here
        # because what `cmr.answers` ignores is forgotten where one command runs several.
        warnings.filterwarnings("ignore", message="Arrow output on a DB-API result")
        for kind in told_plainly:
            warnings.simplefilter("always", kind)
        warnings.showwarning = show
        yield


class LazyGroup(SuggestingGroup):
    """A group whose commands are imported on demand, and whose errors are one sentence."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """The command names, in the order in which people need them."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import one command."""
        if cmd_name not in COMMANDS:
            return None
        if cmd_name in ASKING:
            os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
        command: click.Command = getattr(importlib.import_module(COMMANDS[cmd_name]), cmd_name)
        return command

    def main(self, *args: Any, **kwargs: Any) -> Any:
        """As click's, but flush stdout here, where a failure can still be reported."""
        with streams():
            return super().main(*args, **kwargs)

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Parse what precedes the command."""
        try:
            check_arguments(args)
        except CmrError as error:
            complain(str(error))
            sys.exit(1)
        with _spelled():
            return super().parse_args(ctx, args)

    def invoke(self, ctx: click.Context) -> object:
        """Run; a user's mistake becomes one sentence on stderr and exit code 1."""
        try:
            with _spelled(), _telling_damage():
                return super().invoke(ctx)
        except CmrError as error:
            complain(str(error))
        except MemoryError:
            complain("out of memory; give --memory a smaller size")
        except KeyboardInterrupt:
            complain("stopped; finished work is kept, run the same command to continue")
            sys.exit(130)
        except OSError as error:
            if error.errno == errno.EPIPE and reader_has_left():
                sys.exit(BROKEN_PIPE)
            where = f" {error.filename}" if error.filename else ""
            what = "cannot write to stdout: " if error.errno == errno.EBADF else ""
            complain(f"{what}{error.strerror or error}{where}")
        except UnicodeError as error:
            complain(f"some text cannot be read or written here: {error}")
        sys.exit(1)


@contextlib.contextmanager
def _spelled() -> Iterator[None]:
    """Escape control characters in click's own messages, which repeat the arguments."""
    try:
        yield
    except click.ClickException as error:
        error.message = visible(error.message)  # type: ignore[misc]
        raise


@click.group(
    cls=LazyGroup,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    epilog="Start with:  cmr demo",
)
@click.version_option(__version__, prog_name="cmr")
def main() -> None:
    """What a model, a dimension and a precision cost in cross-modal retrieval.

    Embeddings and per-query ranks are Parquet in a warehouse folder; every figure is SQL over
    them. Ingest a data set, evaluate it at any dimensions and precisions, ask any question later.
    """
