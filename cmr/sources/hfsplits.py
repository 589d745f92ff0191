"""The splits of a Hugging Face data set: file names give them, and rows may say otherwise.

nlphuji/flickr30k has a single file, test, with rows of train, val and test; HuggingFaceM4/COCO's
file train has rows of train and restval.
"""

from __future__ import annotations

import re
from bisect import bisect
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from cmr.errors import CmrError
from cmr.sources.parquetbytes import columns_of, open_parquet, refuse_gaps
from cmr.sources.phrases import counted_are
from cmr.sources.splits import ALL, COLUMN, choose, left_out, name_of
from cmr.sources.tables import known_column

_SHARD = re.compile(r"(.+?)-\d+-of-\d+(-[0-9a-f]+)?")
# A split that names one of several files requests only that part.
_ONE_SHARD = re.compile(r"-\d+(-of-\d+)?$")
_NAMES = ("train", "test", "validation", "valid", "val", "dev", "restval")
_NAMED = re.compile(rf"({'|'.join(_NAMES)})([-_.]?\d+)?", re.IGNORECASE)


@dataclass(frozen=True)
class Split:
    """What is read. `files`: in order; `starts`: the position of each file's first row, end to end;
    `rows`: the positions to read; `splits`: of all rows.

    `names`: the chosen splits, None for all. `note`: what was decided by default.
    """

    files: list[str]
    starts: list[int]
    rows: list[int]
    splits: list[str | None]
    names: tuple[str, ...] | None
    note: str

    def where(self, row: int) -> str:
        """A row's file and its number there, for messages."""
        place = bisect(self.starts, row) - 1
        return f"{self.files[place]}: row {row - self.starts[place]}"


def part_of(folder: str, paths: Sequence[str], asked: Sequence[str], gaps: bool = False) -> Split:
    """The files and rows of the splits in `asked`; by default those of `splits.choose`.

    A row belongs to a split if it says so itself or, where no row of its files says so, if its file
    is named after it. Anything else may be a prefix of file names. `gaps`: shards may be missing.
    Raises CmrError, naming the existing splits, for a split that does not exist, and naming a
    missing shard that the others' names imply.
    """
    called = {path: file_split(folder, path) for path in paths}
    own = {path: _own(path) for path in paths}
    files = {name for name in called.values() if name is not None}
    cells = {one for told in own.values() for one in told if one is not None}
    if len(asked) == 1 and asked[0] not in {*files, *cells, ALL}:
        begun = [path for path in paths if Path(path).name.startswith(asked[0])]
        if begun:
            one_shard = _ONE_SHARD.search(asked[0]) is not None
            return replace(part_of(folder, begun, (ALL,), one_shard), names=(asked[0],))
    # With a single split, of files or of rows, there is nothing to choose.
    there = [one for several in (files, cells) if asked or len(several) > 1 for one in several]
    chosen = choose(folder, there, asked)
    # Files whose rows themselves name a chosen split, or another one.
    saying = {
        called[path]
        for path in paths
        if chosen.names is not None and any(chosen.take(one) for one in own[path])
    }
    taken, starts, rows, splits = list[str](), list[int](), list[int](), list[str | None]()
    left, empty = 0, 0
    for path in paths:
        named = chosen.take(called[path])
        whole = chosen.names is None or (named and called[path] not in saying)
        kept = [row for row, one in enumerate(own[path]) if whole or chosen.take(one)]
        lost = len(own[path]) - len(kept)
        nameless = 0 if whole else sum(one is None for one in own[path])
        if named:
            left += lost - nameless
        if named or called[path] is None:
            empty += nameless
        if kept:
            taken.append(path)
            starts.append(len(splits))
            rows += [len(splits) + row for row in kept]
            splits += [one or called[path] for one in own[path]]
    if not taken:
        raise CmrError(f"{folder} has no rows in its Parquet files")
    _refuse_configurations(folder, taken)
    if not gaps:
        of = {called[path] for path in taken}
        refuse_gaps([path for path in paths if called[path] in of])
    notes = [chosen.note, left_out(empty)]
    if asked and left:
        notes.append(
            f"{counted_are(left, 'row')} left out of the files of that name: the column {COLUMN} "
            "says another"
        )
    note = "; ".join(filter(None, notes))
    return Split(taken, starts, rows, splits, chosen.names, note)


def file_split(folder: str, path: str) -> str | None:
    """The split in a file's name, or in the name of its shards' folder; None if there is none."""
    stem = Path(path).stem
    if shard := _SHARD.fullmatch(stem):
        return shard[1]
    if stem.isdigit() and Path(path).parent != Path(folder):
        return Path(path).parent.name
    named = _NAMED.fullmatch(stem)
    return named[1] if named else None


def _own(path: str) -> list[str | None]:
    """The splits that the rows of a file name themselves."""
    file = open_parquet(path)
    name = known_column(file.schema_arrow.names, (COLUMN,))
    if name is None:
        return [None] * file.metadata.num_rows
    return [name_of(one) for one in columns_of([path], [name])[name]]


def _refuse_configurations(folder: str, paths: Sequence[str]) -> None:
    """Raise CmrError if two folders have files of one split: they are separate data sets."""
    first: dict[str, Path] = {}
    for path in paths:
        split = file_split(folder, path)
        # Shards named only by a number are in a folder named after their split.
        inside = Path(path).parent
        numbered = Path(path).stem.isdigit() and inside != Path(folder)
        place = inside.parent if numbered else inside
        other = first.setdefault(split or Path(path).stem, place)
        if other != place:
            raise CmrError(
                f"{other} and {place} both have files called {split or Path(path).stem}, which is "
                f"two configurations of a data set: give one of these folders, not {folder}"
            )
