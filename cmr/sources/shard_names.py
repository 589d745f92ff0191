"""The paths of shards: expanding folders, and braces such as `{000..099}`."""

from __future__ import annotations

import itertools
import os
import re
from collections.abc import Iterable, Iterator, Sequence
from glob import escape

from cmr.errors import CmrError
from cmr.sources.user_files import is_file, is_folder, is_url, join, matching, no_file

# More shards than any data set has; a pattern with more must be a typo.
MOST_SHARDS = 1_000_000


_MOST_RANGES = 100


_RANGE = re.compile(r"\{(\d+)\.\.(\d+)\}")


def expand(shards: Sequence[str]) -> list[str]:
    """The shards' paths, in order. Raises CmrError for a pattern without any, or a repeated one."""
    found: dict[str, str] = {}
    for pattern in shards:
        paths: list[str] = []
        for braced in _braces(pattern):
            paths += _paths(braced)
            if len(paths) + len(found) > MOST_SHARDS:
                raise CmrError(f"these are more than {MOST_SHARDS:,} shards")
        if not paths:
            raise CmrError(f"{pattern} names no .tar file")
        for path in paths:
            same = path if is_url(path) else os.path.realpath(path)
            if same in found:
                again = "twice" if found[same] == path else f"twice, as {found[same]}, too"
                raise CmrError(f"the shard {path} is given {again}")
            found[same] = path
    return list(found.values())


def _braces(pattern: str) -> Iterator[str]:
    """Every path of a pattern; if a number has leading zeros, all are as wide as the widest.

    Raises CmrError, before expanding, if there are more than MOST_SHARDS.
    """
    choices: list[Iterable[str]] = []
    many, end = 1, 0
    for match in _RANGE.finditer(pattern):
        first, last = match[1], match[2]
        # More digits than Python parses are too many, too.
        most = max(len(first.lstrip("0")), len(last.lstrip("0")))
        here = MOST_SHARDS + 1 if most > 18 else max(0, int(last) - int(first) + 1)
        many *= here
        if max(many, here) > MOST_SHARDS or len(choices) > _MOST_RANGES:
            raise CmrError(f"{pattern:.200} names more than {MOST_SHARDS:,} shards")
        padded = any(len(text) > 1 and text[0] == "0" for text in (first, last))
        width = max(len(first), len(last)) if padded else 0
        numbers = range(int(first), int(last) + 1)
        choices += [(pattern[end : match.start()],), [str(n).zfill(width) for n in numbers]]
        end = match.end()
    for parts in itertools.product(*choices):
        yield "".join(parts) + pattern[end:]


def _paths(path: str) -> list[str]:
    if is_folder(path):
        # CLIP_benchmark puts each split's shards into a separate folder.
        return _tars(path) or _tars(join(path, "test"))
    if not any(letter in path for letter in "*?[") or (not is_url(path) and is_file(path)):
        if not is_url(path) and not os.path.lexists(path):
            # For a mistyped range, the first is enough.
            raise no_file(path)
        return [path]
    return matching(path)


def _tars(folder: str) -> list[str]:
    return matching(join(escape(folder), "*.tar"))
