"""The prompt of the SQL shell: when a line ends, what Tab offers, and the history."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click
from prompt_toolkit import PromptSession
from prompt_toolkit.completion import CompleteEvent, Completer, Completion
from prompt_toolkit.document import Document
from prompt_toolkit.filters import Condition
from prompt_toolkit.history import FileHistory, History, InMemoryHistory
from prompt_toolkit.lexers import PygmentsLexer

from cmr.errors import CmrError

if TYPE_CHECKING:
    import duckdb

    from cmr.warehouse.store import Store

PROMPT = "cmr> "
# Of the same width, so that a query's lines begin below each other.
_MORE = "...> "
FORMATS = ("table", "csv", "json")
# Dot commands, and after which of them a view or a format comes.
COMMANDS = (".tables", ".describe", ".format", ".help", ".quit")
DESCRIBING = (".describe", ".d")
LEAVING = (".quit", ".exit", "exit", "quit", r"\q")
_KEYWORDS = (
    *("select", "from", "where", "group by", "order by", "limit", "having", "join", "using", "on"),
    *("and", "or", "not", "in", "is", "null", "as", "with", "case", "when", "then", "else", "end"),
    *("distinct", "count", "sum", "avg", "min", "max", "filter", "over", "partition by"),
    *("union all", "desc", "describe", "summarize"),
)


def session(con: duckdb.DuckDBPyConnection, warehouse: Store) -> PromptSession[str]:
    """A prompt that reads one dot command, or SQL up to a semicolon."""
    from pygments.lexers.sql import SqlLexer

    from cmr.answers import fetch
    from cmr.sqlfiles import view_names

    columns = fetch(con, "select distinct column_name from duckdb_columns() where not internal")
    words = sorted({*view_names(), *columns["column_name"].to_pylist(), *_KEYWORDS})
    made: PromptSession[str] = PromptSession(
        history=_history(),
        completer=SqlCompleter(words, sorted(view_names()), warehouse),
        lexer=PygmentsLexer(SqlLexer),
        complete_while_typing=False,
        prompt_continuation=_MORE,
    )
    made.multiline = Condition(lambda: not finished(made.default_buffer.text))
    return made


def leaves(text: str) -> bool:
    """Whether a line asks to leave the shell."""
    return text.strip().rstrip(";").rstrip().lower() in LEAVING


def finished(text: str) -> bool:
    """Whether Enter ends the input: a dot command, a word to leave, or SQL with its semicolon.

    A semicolon in a text or a comment ends nothing.
    """
    text = text.strip()
    if not text or text.startswith(".") or leaves(text):
        return True
    import duckdb

    from cmr.tokens import tokens

    said = [one for one in tokens(text) if one.kind != duckdb.token_type.comment]
    return bool(said) and said[-1].text.endswith(";") and said[-1].text[0] not in "'\"$"


class SqlCompleter(Completer):
    """Offers dot commands, words of SQL and, in quotes, the warehouse's names."""

    def __init__(self, words: Sequence[str], views: Sequence[str], warehouse: Store) -> None:
        """`words`: of SQL, columns and views among them."""
        self._words, self._views, self._warehouse = words, views, warehouse

    def get_completions(self, document: Document, event: CompleteEvent) -> Iterator[Completion]:
        """What may stand at the cursor."""
        text = document.text_before_cursor.lstrip()
        command, blank, rest = text.partition(" ")
        if text.startswith("."):
            offered: Iterable[str] = COMMANDS if not blank else self._arguments(command)
            begun = rest.lstrip() if blank else command
        elif text.count("'") % 2:
            offered, begun = self._names(), text.rpartition("'")[2]
        else:
            offered, begun = self._words, document.get_word_before_cursor()
        for one in offered:
            if one.lower().startswith(begun.lower()):
                yield Completion(one, start_position=-len(begun))

    def _arguments(self, command: str) -> Sequence[str]:
        if command == ".format":
            return FORMATS
        return self._views if command in DESCRIBING else ()

    def _names(self) -> Sequence[str]:
        """Data sets, models, judgments and runs as they are now; none where they cannot be read."""
        from cmr.cli import known_names

        kinds = (known_names.datasets, known_names.models, known_names.judgments, known_names.runs)
        with contextlib.suppress(CmrError, OSError):
            every = [name for kind in kinds for name in kind(self._warehouse)]
            return list(dict.fromkeys(name for name in every if "=" not in name))
        return ()


def _history() -> History:
    """History in the user's configuration, or for this session only if that cannot be written."""
    folder = Path(click.get_app_dir("cmr"))
    path = folder / "sql_history"
    # Without a home it would be created in the current folder.
    if folder.is_absolute():
        with contextlib.suppress(OSError):
            folder.mkdir(parents=True, exist_ok=True)
            path.touch(mode=0o600)
            return FileHistory(str(path))
    return InMemoryHistory()
