"""The splits of a Hugging Face data set: file names give them, and rows may say otherwise.

nlphuji/flickr30k has one file, test, whose rows are of train, val and test; HuggingFaceM4/COCO's
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
# A split that names a file of several asks for that part alone.
_ONE_SHARD = re.compile(r"-\d+(-of-\d+)?$")
_NAMES = ("train", "test", "validation", "valid", "val", "dev", "restval")
_NAMED = re.compile(rf"({'|'.join(_NAMES)})([-_.]?\d+)?", re.IGNORECASE)


@dataclass(frozen=True)
class Split:
    """What is read. `files`: in order; `starts`: the place of each one's first row, end to end;
    `rows`: the places that are read; `splits`: those of all rows.

    `names`: the splits that were chosen, None for all. `note`: what was decided unasked.
    """

    files: list[str]
    starts: list[int]
    rows: list[int]
    splits: list[str | None]
    names: tuple[str, ...] | None
    note: str

    def where(self, row: int) -> str:
        """A row's file and its number there, for a sentence."""
        place = bisect(self.starts, row) - 1
        return f"{self.files[place]}: row {row - self.starts[place]}"


def part_of(folder: str, paths: Sequence[str], asked: Sequence[str], gaps: bool = False) -> Split:
    """The files and rows of the splits `asked` for; without, those of `splits.choose`.

    A row is of a split if it says so itself or, where no row of its files says so, if its file is
    called so. What is neither may be the beginning of files' names. `gaps`: shards may be
    missing. Raises CmrError, naming the splits there are, for one that there is not, and naming a
    shard that the others' names tell of and that is missing.
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
    # One split alone, be it of files or of rows, is no choice.
    there = [one for several in (files, cells) if asked or len(several) > 1 for one in several]
    chosen = choose(folder, there, asked)
    # Files whose rows say themselves that they are of a chosen split, or of another.
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
            f"{counted_are(left, 'row')} left out of the files called so: the column {COLUMN} "
            "says another"
        )
    note = "; ".join(filter(None, notes))
    return Split(taken, starts, rows, splits, chosen.names, note)


def file_split(folder: str, path: str) -> str | None:
    """The split that a file is called by, or the folder that its shards lie in; None if none."""
    stem = Path(path).stem
    if shard := _SHARD.fullmatch(stem):
        return shard[1]
    if stem.isdigit() and Path(path).parent != Path(folder):
        return Path(path).parent.name
    named = _NAMED.fullmatch(stem)
    return named[1] if named else None


def _own(path: str) -> list[str | None]:
    """What the rows of a file say themselves."""
    file = open_parquet(path)
    name = known_column(file.schema_arrow.names, (COLUMN,))
    if name is None:
        return [None] * file.metadata.num_rows
    return [name_of(one) for one in columns_of([path], [name])[name]]


def _refuse_configurations(folder: str, paths: Sequence[str]) -> None:
    """Raise CmrError where two folders have files of one split: each is a data set of its own."""
    first: dict[str, Path] = {}
    for path in paths:
        split = file_split(folder, path)
        # Shards that are called by a number lie in a folder of their split.
        inside = Path(path).parent
        numbered = Path(path).stem.isdigit() and inside != Path(folder)
        place = inside.parent if numbered else inside
        other = first.setdefault(split or Path(path).stem, place)
        if other != place:
            raise CmrError(
                f"{other} and {place} both have files called {split or Path(path).stem}, which is "
                f"two configurations of a data set: give one of these folders, not {folder}"
            )
