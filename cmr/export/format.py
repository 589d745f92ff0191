"""The description of an export format: its name, what it needs, and how it writes."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import IO, Any, Literal

from cmr.progressbar import ProgressBar, no_bar
from cmr.rows import Row
from cmr.sources.source import Parameter
from cmr.warehouse.store import Store

Needs = Literal["query", "warehouse", "run", "runs", "representation", "representations"]


@dataclass(frozen=True)
class SetPair:
    """One representation: the catalogue rows of its two embedding sets."""

    text: Row
    visual: Row

    def __str__(self) -> str:
        """The representation as people write it."""
        row = self.text
        return f"{row['dim']} {row['dim_method']} {row['precision']}"


@dataclass(frozen=True)
class Asked:
    """What is to be exported.

    `options`: the format's own, by name. `query`: for formats of tables; `sandbox`: it may read
    only the warehouse. `runs`, `pairs`: the selected runs or representations; exactly one where the
    format needs one. `say` prints something that the user should know.
    """

    warehouse: Store
    options: Mapping[str, Any] = field(default_factory=dict)
    query: str = ""
    sandbox: bool = False
    runs: tuple[Row, ...] = ()
    pairs: tuple[SetPair, ...] = ()
    bar: ProgressBar = no_bar
    say: Callable[[str], None] = lambda text: None

    @property
    def run(self) -> Row:
        """The one run."""
        return self.runs[0]

    @property
    def pair(self) -> SetPair:
        """The one representation."""
        return self.pairs[0]


@dataclass(frozen=True)
class Format:
    """A format that `cmr export NAME` writes.

    `summary`: what it is, one line. `about`: the layout, for its help. `examples`: command lines.
    `needs`: a query, the whole warehouse, one run or several, the vectors of one representation
    or of several dimensions. `into`: a file that is written front to back, so that it can go to
    stdout (`stream`), a `file`, or a `folder`. `write` gets an `Asked` and an open binary file, or
    the path to create. `text`: whether a terminal may show it. `again`: the command that reads back
    the items, judgments and vectors that it holds; "" if there is none.
    """

    name: str
    summary: str
    about: str
    examples: tuple[str, ...]
    needs: Needs
    into: Literal["stream", "file", "folder"]
    write: Callable[[Asked, Any], None]
    parameters: tuple[Parameter, ...] = ()
    text: bool = False
    again: str = ""


Stream = IO[bytes]
