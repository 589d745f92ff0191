"""Names of files as tables write them, and the files that they mean.

A name that is there as it is written always wins. Else it may be spelt otherwise (Unicode's
composed and decomposed forms, `\\` for `/`, `%20` for a space, another case of the ending), begin
with the folder that was given as the root, or, of clips, have another ending. What fits two files
fits none.
"""

from __future__ import annotations

import posixpath
import unicodedata
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from typing import Literal, Protocol
from urllib.parse import unquote

PICTURES = (
    ".jpg", ".jpeg", ".png", ".webp", ".gif", ".bmp", ".ppm", ".tif", ".tiff", ".avif", ".heic",
)  # fmt: skip
CLIPS = (
    ".mp4", ".avi", ".mkv", ".webm", ".mov", ".m4v", ".mpg", ".mpeg", ".flv", ".wmv", ".ts",
)  # fmt: skip


class SeveralFitError(OSError):
    """A name that may mean two files or more."""


class Names(Protocol):
    """The files below a root, by paths from it."""

    root: str

    def has(self, name: str) -> bool:
        """Whether there is a file of this very name."""

    def same(self, form: str) -> Sequence[str]:
        """Files whose `spelt` name is `form`."""

    def stem(self, form: str) -> Sequence[str]:
        """Pictures and clips whose `spelt` name without its ending is `form`."""


def spelt(name: str) -> str:
    """A name as it is compared: composed, with plain slashes, its ending in lower case."""
    plain = posixpath.normpath(unicodedata.normalize("NFC", name).replace("\\", "/"))
    stem, ending = posixpath.splitext(plain)
    return stem + ending.lower()


def locate(name: str, names: Names, clips: bool = False) -> str | None:
    """The file that a table's name means, None if there is none.

    Raises SeveralFitError if two files fit, none of which has that very name.
    """
    if names.has(name):
        return name
    forms = list(_forms(name, names.root))
    for fit in (names.same, partial(_by_stem, names, clips)):
        for form in forms:
            found = sorted(set(fit(form)))
            if len(found) > 1:
                raise SeveralFitError(f"it may be {' or '.join(found[:3])}")
            if found:
                return found[0]
    return None


def _by_stem(names: Names, clips: bool, form: str) -> list[str]:
    """What the table names without an ending or, of clips, with that of another container."""
    stem, ending = posixpath.splitext(form)
    kinds = CLIPS if clips else PICTURES
    bare = stem if clips and ending in CLIPS else form
    return [one for one in names.stem(bare) if posixpath.splitext(one)[1].lower() in kinds]


def _forms(name: str, root: str) -> list[str]:
    """Paths from the root that a name may mean, the likelier first, spelt to be compared."""
    forms: list[str] = []
    for written in (name, unquote(name)):
        plain = spelt(written)
        if not plain.startswith(("/", "..")):
            forms.append(plain)
        # A folder that the table names and that was given as the root.
        parts = plain.split("/")
        within = [at for at in range(len(parts) - 1) if parts[at] == spelt(root)]
        forms += ["/".join(parts[at + 1 :]) for at in reversed(within)]
    return list(dict.fromkeys(forms))


class FolderNames:
    """Files below a folder, which is listed where names are asked for."""

    def __init__(self, root: str, entries: Callable[[str], Iterable[str]]) -> None:
        """`root`: the folder's own name. `entries`: what lies in a folder, by its path below."""
        self.root = root
        self._entries = entries
        self._held: dict[str, tuple[set[str], dict[str, list[str]], dict[str, list[str]]]] = {}

    def has(self, name: str) -> bool:
        """See `Names`."""
        folder, last = posixpath.split(name)
        return bool(last) and not folder.startswith(("/", "..")) and last in self._in(folder)[0]

    def same(self, form: str) -> list[str]:
        """See `Names`."""
        return self._below(form, 1)

    def stem(self, form: str) -> list[str]:
        """See `Names`."""
        return self._below(form, 2)

    def _below(self, form: str, which: Literal[1, 2]) -> list[str]:
        *folders, last = form.split("/")
        places = [""]
        for part in folders:
            places = [
                posixpath.join(p, one) for p in places for one in self._in(p)[1].get(part, ())
            ]
        return [
            posixpath.join(place, one)
            for place in places
            for one in self._in(place)[which].get(last, ())
        ]

    def _in(self, folder: str) -> tuple[set[str], dict[str, list[str]], dict[str, list[str]]]:
        if folder not in self._held:
            names = set(self._entries(folder))
            self._held[folder] = names, *_by_spelling(names)
        return self._held[folder]


class ArchiveNames:
    """Members of an archive, also by the last parts of their path where those are unique."""

    def __init__(self, root: str, members: Iterable[str]) -> None:
        """`root`: the archive's name without its ending. `members`: full names."""
        self.root = root
        self._members = set(members)
        # By their last part: (its spelling, the whole one's, the member).
        self._same: dict[str, list[tuple[str, str]]] = {}
        self._stem: dict[str, list[tuple[str, str]]] = {}
        for member in self._members:
            whole = spelt(member)
            bare = posixpath.splitext(whole)[0]
            self._same.setdefault(posixpath.basename(whole), []).append((whole, member))
            self._stem.setdefault(posixpath.basename(bare), []).append((bare, member))

    def has(self, name: str) -> bool:
        """See `Names`."""
        return name in self._members

    def same(self, form: str) -> list[str]:
        """See `Names`; a whole path before one of which only the end fits."""
        return _ending_with(form, self._same)

    def stem(self, form: str) -> list[str]:
        """See `Names`."""
        return _ending_with(form, self._stem)


def _ending_with(form: str, held: Mapping[str, Sequence[tuple[str, str]]]) -> list[str]:
    there = held.get(posixpath.basename(form), ())
    whole = [member for spelling, member in there if spelling == form]
    return whole or [member for spelling, member in there if spelling.endswith("/" + form)]


def _by_spelling(names: Iterable[str]) -> tuple[dict[str, list[str]], dict[str, list[str]]]:
    """Names by their spelling, and by that without the ending."""
    whole: dict[str, list[str]] = {}
    bare: dict[str, list[str]] = {}
    for name in names:
        spelling = spelt(name)
        whole.setdefault(spelling, []).append(name)
        bare.setdefault(posixpath.splitext(spelling)[0], []).append(name)
    return whole, bare
