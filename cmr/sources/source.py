"""The description of a source: its name, its parameters, and how it reads."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from cmr.sources.collection import Collection


@dataclass(frozen=True)
class Parameter:
    """One parameter of a source; `name` is the keyword that its `read` takes.

    `argument`: positional, not `--name`. `many`: several, positional or comma-separated; `read`
    gets a list. `kind`: str, int or, for a flag, bool. `choices`: the allowed values. `path`: it
    names files or a folder, or is a glob. `formerly`: its old name, which is still accepted.
    """

    name: str
    help: str = ""
    argument: bool = False
    required: bool = False
    many: bool = False
    kind: type = str
    default: Any = None
    path: bool = False
    choices: tuple[str, ...] = ()
    formerly: str | None = None


@dataclass(frozen=True)
class Source:
    """A format that `cmr ingest NAME` reads.

    `summary`: what it is, one line. `about`: the layout, for its help. `examples`: command lines.
    `read`: called with the parameters by name. `media`: whether its pictures and captions have to
    be encoded; otherwise it provides vectors. `clips`: whether the visuals are videos. `named_by`:
    the parameter whose file gives the data set's default name; otherwise `name` does. `vectors_by`:
    the parameter with which a source with media provides vectors instead. `own_model`: whether the
    model that comes with cmr, which was trained on such pictures, is the default.
    """

    name: str
    summary: str
    about: str
    examples: tuple[str, ...]
    parameters: tuple[Parameter, ...]
    read: Callable[..., Collection]
    media: bool
    named_by: str | None = None
    clips: bool = False
    vectors_by: str | None = None
    own_model: bool = False


SPLIT = Parameter(
    "split",
    "Only these splits, by the table's column split; all for every row.  [default: test, if there "
    "are others beside it]",
    many=True,
)
SEPARATOR = Parameter(
    "separator",
    "Separator of a text table: a character, tab, comma, semicolon or pipe.  "
    "[default: found from the file]",
)
LIMIT = Parameter("limit", "Only the first N pictures.", kind=int)
IMAGES = "Folder, zip or tar of the pictures, here or in an object store (s3://…)."
