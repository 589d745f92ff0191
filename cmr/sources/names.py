"""File names as tables write them, and the files they refer to.

An exact match always wins. Otherwise the name may be written differently (composed or decomposed
Unicode, `\\` for `/`, `%20` for a space, a different case of the extension), begin with the folder
that was given as the root, or, for clips, have another extension. A name that fits two files refers
to neither.
"""

from __future__ import annotations

import posixpath
import re
import unicodedata
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from typing import NamedTuple, Protocol
from urllib.parse import unquote

PICTURES = (
    ".jpg", ".jpeg", ".png", ".webp", ".gif", ".bmp", ".ppm", ".tif", ".tiff", ".avif", ".heic",
)  # fmt: skip
CLIPS = (
    ".mp4", ".avi", ".mkv", ".webm", ".mov", ".m4v", ".mpg", ".mpeg", ".flv", ".wmv", ".ts",
)  # fmt: skip
# What macOS puts into an archive beside each file.
_JUNK = re.compile(r"(^|/)(__MACOSX/|\._[^/]*$)")


class SeveralFitError(OSError):
    """A name that may refer to several files."""


class FileNames(Protocol):
    """The files below a root, by paths from it."""

    root: str

    def has(self, name: str) -> bool:
        """Whether there is a file with exactly this name."""

    def same(self, form: str) -> Sequence[str]:
        """Files whose normalised name (`spelt`) is `form`."""

    def stem(self, form: str) -> Sequence[str]:
        """Pictures and clips whose normalised name without extension is `form`."""


def spelt(name: str) -> str:
    """A name normalised for comparison: composed, plain slashes, extension in lower case."""
    plain = posixpath.normpath(unicodedata.normalize("NFC", name).replace("\\", "/"))
    stem, ending = posixpath.splitext(plain)
    return stem + ending.lower()


def locate(name: str, names: FileNames, clips: bool = False) -> str | None:
    """The file that a table's name refers to, None if there is none.

    Raises SeveralFitError if several files fit and none has exactly that name.
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


def _by_stem(names: FileNames, clips: bool, form: str) -> list[str]:
    """Files named without an extension or, for clips, with that of another container."""
    stem, ending = posixpath.splitext(form)
    kinds = CLIPS if clips else PICTURES
    bare = stem if clips and ending in CLIPS else form
    return [one for one in names.stem(bare) if posixpath.splitext(one)[1].lower() in kinds]


def _forms(name: str, root: str) -> list[str]:
    """Normalised paths from the root that a name may refer to, likeliest first."""
    forms: list[str] = []
    for written in (name, unquote(name)):
        plain = spelt(written)
        if not plain.startswith(("/", "..")):
            forms.append(plain)
        # The table's names may begin with the folder that was given as the root.
        parts = plain.split("/")
        within = [at for at in range(len(parts) - 1) if parts[at] == spelt(root)]
        forms += ["/".join(parts[at + 1 :]) for at in reversed(within)]
    return list(dict.fromkeys(forms))


class _Folder(NamedTuple):
    """A folder's content: files, folders, and files without extension, by normalised name."""

    files: set[str]
    same: dict[str, list[str]]
    folders: dict[str, list[str]]
    stem: dict[str, list[str]]


class FolderNames:
    """Files below a folder; each folder is listed once, when a name in it is looked up."""

    def __init__(self, root: str, entries: Callable[[str], Mapping[str, bool]]) -> None:
        """`root`: the folder's own name. `entries`: lists the content of a folder, given by its
        path below the root, with whether each is a folder.
        """
        self.root = root
        self._entries = entries
        self._held: dict[str, _Folder] = {}

    def has(self, name: str) -> bool:
        """See `FileNames`."""
        folder, last = posixpath.split(name)
        return not folder.startswith(("/", "..")) and last in self._in(folder).files

    def same(self, form: str) -> list[str]:
        """See `FileNames`."""
        return self._below(form, lambda folder: folder.same)

    def stem(self, form: str) -> list[str]:
        """See `FileNames`."""
        return self._below(form, lambda folder: folder.stem)

    def _below(self, form: str, which: Callable[[_Folder], dict[str, list[str]]]) -> list[str]:
        *folders, last = form.split("/")
        places = [""]
        for part in folders:
            inside = [(place, self._in(place).folders.get(part, ())) for place in places]
            places = [posixpath.join(place, one) for place, found in inside for one in found]
        inside = [(place, which(self._in(place)).get(last, ())) for place in places]
        return [posixpath.join(place, one) for place, found in inside for one in found]

    def _in(self, folder: str) -> _Folder:
        if folder not in self._held:
            found = _Folder(set(), {}, {}, {})
            for name, is_folder in self._entries(folder).items():
                spelling = spelt(name)
                (found.folders if is_folder else found.same).setdefault(spelling, []).append(name)
                if not is_folder:
                    found.files.add(name)
                    stem = posixpath.splitext(spelling)[0]
                    found.stem.setdefault(stem, []).append(name)
            self._held[folder] = found
        return self._held[folder]


class ArchiveNames:
    """Members of an archive, also by the last parts of their path if those are unique."""

    def __init__(self, root: str, members: Iterable[str]) -> None:
        """`root`: the archive's name without extension. `members`: full names."""
        self.root = root
        self._members = set(members)
        # By last part: (its normalised form, that of the whole path, the member).
        self._same: dict[str, list[tuple[str, str]]] = {}
        self._stem: dict[str, list[tuple[str, str]]] = {}
        for member in self._members:
            if _JUNK.search(member):
                continue
            whole = spelt(member)
            bare = posixpath.splitext(whole)[0]
            self._same.setdefault(posixpath.basename(whole), []).append((whole, member))
            self._stem.setdefault(posixpath.basename(bare), []).append((bare, member))

    def has(self, name: str) -> bool:
        """See `FileNames`."""
        return name in self._members

    def same(self, form: str) -> list[str]:
        """See `FileNames`; a full match comes before one of only the end of a path."""
        return _ending_with(form, self._same)

    def stem(self, form: str) -> list[str]:
        """See `FileNames`."""
        return _ending_with(form, self._stem)


def _ending_with(form: str, held: Mapping[str, Sequence[tuple[str, str]]]) -> list[str]:
    there = held.get(posixpath.basename(form), ())
    whole = [member for spelling, member in there if spelling == form]
    return whole or [member for spelling, member in there if spelling.endswith("/" + form)]
