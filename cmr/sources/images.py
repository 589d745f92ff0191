"""Where pictures are read from: a folder, a zip or a tar archive, local or in an object store."""

from __future__ import annotations

import os
import posixpath
import threading
import zipfile
import zlib
from pathlib import Path, PurePosixPath

from cmr.errors import CmrError
from cmr.plain import NotPlainError, other_than_plain
from cmr.sources.names import ArchiveNames, FolderNames, locate
from cmr.sources.tars import ENDINGS, LARGEST_MEMBER, TarReader
from cmr.sources.user_files import entries, is_file, is_folder, is_url, join, open_file, read_file


class FolderReader:
    """Files below one folder; names that lead out of it are rejected."""

    def __init__(self, folder: str, clips: bool = False) -> None:
        """`clips`: names may have a different extension from the files. Raises CmrError if there is
        no such folder.
        """
        if not is_folder(folder):
            raise CmrError(f"there is no folder {folder}")
        self._url = folder.rstrip("/") if is_url(folder) else None
        self._root = Path(os.path.realpath(folder))
        self._clips = clips
        name = posixpath.basename(self._url) if self._url is not None else self._root.name
        self._names = FolderNames(name, self._entries)

    def locate(self, name: str) -> str | None:
        """The file that a table's name means; see `cmr.sources.names`."""
        found = locate(name, self._names, self._clips)
        return None if found is None else posixpath.normpath(found)

    def read(self, uri: str) -> bytes:
        """The bytes of the file `uri`, relative to the folder, or of the one that it refers to."""
        try:
            return self._read(uri)
        except (FileNotFoundError, NotADirectoryError, NotPlainError, PermissionError):
            meant = self.locate(uri)
            if meant is None or meant == uri:
                raise
        return self._read(meant)

    def _read(self, uri: str) -> bytes:
        if self._url is not None:
            name = posixpath.normpath(uri)
            if name.startswith(("/", "..")) or is_url(uri):
                raise PermissionError(f"{uri} leads out of {self._url}")
            return read_file(join(self._url, name))
        if "\0" in uri:
            raise FileNotFoundError("a name with a NUL")
        try:
            path = (self._root / uri).resolve()
        except RuntimeError:
            raise OSError(f"{uri} is a circular link") from None
        if not path.is_relative_to(self._root):
            raise PermissionError(f"{uri} leads out of {self._root}")
        return read_file(str(path))

    def _entries(self, folder: str) -> dict[str, bool]:
        if is_url(folder):
            # A table may name a picture on the web, which cannot be in this folder.
            return {}
        root = self._url or str(self._root)
        return entries(join(root, folder) if folder else root)


class ZipReader:
    """Members of a zip archive, by their full name, or by its last parts if those are unique."""

    def __init__(self, path: str, clips: bool = False) -> None:
        """`clips`: names may have a different extension from the files. Raises CmrError if the file
        is not a zip archive.
        """
        try:
            self._archive = zipfile.ZipFile(open_file(path))
        except (OSError, zipfile.BadZipFile, NotImplementedError, ValueError) as error:
            raise CmrError(f"{path} is not a readable zip archive: {error}") from None
        self._lock = threading.Lock()
        self._clips = clips
        self._members: dict[str, list[zipfile.ZipInfo]] = {}
        for info in self._archive.infolist():
            if not info.is_dir():
                self._members.setdefault(info.filename, []).append(info)
        self._names = ArchiveNames(Path(path).stem, self._members)

    def members(self) -> list[str]:
        """The names of all files."""
        return list(self._members)

    def locate(self, name: str) -> str | None:
        """The member that a table's name means; see `cmr.sources.names`."""
        return locate(name, self._names, self._clips)

    def read(self, uri: str) -> bytes:
        """The bytes of a member.

        Raises FileNotFoundError if there is none, OSError if it is damaged or if several have that
        name.
        """
        name = self.locate(uri)
        if name is None:
            raise FileNotFoundError(f"{uri} is not in the archive")
        if len(self._members[name]) > 1:
            raise OSError(f"{len(self._members[name])} files of the archive are called {name}")
        info = self._members[name][0]
        if info.file_size > LARGEST_MEMBER:
            raise OSError(f"{uri} has {info.file_size:,} bytes, too many for a picture or clip")
        try:
            # zipfile seeks in one shared file, so threads take turns. It reads at most the size
            # that the archive states, so a zip bomb is an error.
            with self._lock:
                return self._archive.read(info)
        except (zipfile.BadZipFile, zlib.error, NotImplementedError, RuntimeError) as error:
            raise OSError(f"{uri} cannot be unpacked: {error}") from None
        except EOFError:
            raise OSError(f"{uri} is cut off") from None


class TarImages:
    """Members of a tar archive, looked up like those of a zip archive."""

    def __init__(self, path: str, clips: bool = False) -> None:
        """See `ZipReader`. Raises CmrError if the file is not a tar archive."""
        self._tar = TarReader([path])
        self._clips = clips
        root = PurePosixPath(path).name.partition(".")[0]
        self._names = ArchiveNames(root, (member.name for member in self._tar.members))

    def locate(self, name: str) -> str | None:
        """The member that a table's name means; see `cmr.sources.names`."""
        return locate(name, self._names, self._clips)

    def read(self, uri: str) -> bytes:
        """The bytes of a member. Raises FileNotFoundError if there is none."""
        return self._tar.read(self.locate(uri) or uri)


Images = FolderReader | ZipReader | TarImages


def open_images(path: str, clips: bool = False) -> Images:
    """A reader for a folder, a zip or a tar file. Raises CmrError if it is none of these.

    `clips`: names are of clips, and may have a different extension from the files.
    """
    if is_folder(path):
        return FolderReader(path, clips)
    if not is_file(path):
        if not is_url(path) and (found := other_than_plain(path)):
            raise CmrError(f"{path} is not a folder, zip or tar file: {found}")
        raise CmrError(f"there is no folder, zip or tar file {path}")
    if path.lower().endswith(ENDINGS):
        return TarImages(path, clips)
    return ZipReader(path, clips)
