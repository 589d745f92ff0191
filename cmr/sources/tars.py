"""Members of tar archives, read in place; nothing is ever unpacked into a folder."""

from __future__ import annotations

import bz2
import contextlib
import gzip
import lzma
import os
import re
import tarfile
import tempfile
import zlib
from collections.abc import Iterator, Sequence
from typing import IO, Any

from cmr.errors import CmrError
from cmr.sources.tarscan import Damage, Member, scan
from cmr.sources.user_files import is_url, open_file, read_part

# A larger picture or clip cannot be a sample of a data set.
LARGEST_MEMBER = 2**31
# Pictures hardly compress: what expands to more than this many times its size is a bomb.
LARGEST_RATIO = 100
ENDINGS = (".tar", ".tar.gz", ".tgz", ".tar.bz2", ".tar.xz", ".tar.zst")


def _zstd(file: IO[bytes]) -> Any:
    import pyarrow as pa

    return pa.CompressedInputStream(file, "zstd")


_PACKED: dict[bytes, Any] = {
    b"\x1f\x8b": gzip.open,
    b"BZh": bz2.open,
    b"\xfd7zXZ": lzma.open,
    b"\x28\xb5\x2f\xfd": _zstd,
}


class TarReader:
    """Plain files of one or more tar archives, by name.

    `uri` is the member's name, with or without a leading `./`; with several archives it is
    `NUMBER:NAME`, with the archive's number. Archives in a store are read by ranges. A compressed
    one is expanded into an anonymous temporary file, because members cannot be located in it.
    `damages`: where archives are cut off or have damaged headers.
    """

    def __init__(self, paths: Sequence[str]) -> None:
        """Index the archives. Raises CmrError, naming the file, if one is not a tar archive."""
        self.paths = list(paths)
        self.members: list[Member] = []
        self.damages: list[Damage] = []
        self._expanded: dict[int, IO[bytes]] = {}
        for number, path in enumerate(self.paths):
            with _reading(path), _opened(path) as (file, expanded):
                found, damages = scan(file, number)
                self.members += found
                self.damages += damages
                if expanded:
                    self._expanded[number] = os.fdopen(os.dup(file.fileno()), "rb")
        self._by_uri: dict[str, list[Member]] = {}
        for member in self.members:
            plain = re.sub(r"^(\./+)+", "", member.name)
            for name in {member.name, plain}:
                self._by_uri.setdefault(self._named(member.archive, name), []).append(member)

    def uri(self, member: Member) -> str:
        """The uri by which `read` finds a member."""
        return self._named(member.archive, member.name)

    def _named(self, archive: int, name: str) -> str:
        return name if len(self.paths) == 1 else f"{archive}:{name}"

    def read(self, uri: str) -> bytes:
        """The bytes of a member.

        Raises FileNotFoundError if there is none, OSError if several have that name, or if it may
        have been lost to damage of the archive.
        """
        found = self._by_uri.get(uri, [])
        if not found and self.damages:
            raise OSError(f"{uri} is not in the archive, which is damaged: {self._damage()}")
        if not found:
            raise FileNotFoundError(f"{uri} is not in the archive")
        if len(found) > 1:
            raise OSError(f"{len(found)} files of the archive are called {uri}")
        member = found[0]
        if member.sparse:
            raise OSError(f"{uri} is stored as a sparse file, which cannot be read in place")
        if member.size > LARGEST_MEMBER:
            raise OSError(f"{uri} has {member.size:,} bytes, too many for a picture or clip")
        data = self._bytes(member)
        if len(data) != member.size:
            raise OSError(f"{uri} is cut off")
        return data

    def _damage(self) -> str:
        first = self.damages[0]
        return f"{self.paths[first.archive]}: {first.reason}"

    def _bytes(self, member: Member) -> bytes:
        path = self.paths[member.archive]
        expanded = self._expanded.get(member.archive)
        if expanded is not None:
            return os.pread(expanded.fileno(), member.size, member.offset)
        if is_url(path):
            return read_part(path, member.offset, member.size)
        # Opened each time: there may be more shards than a process can hold open.
        with open_file(path) as file:
            return os.pread(file.fileno(), member.size, member.offset)


@contextlib.contextmanager
def _opened(path: str) -> Iterator[tuple[IO[bytes], bool]]:
    """The uncompressed archive, and whether it had to be expanded."""
    with open_file(path) as file:
        head = file.read(6)
        file.seek(0)
        unpack = next((_PACKED[mark] for mark in _PACKED if head.startswith(mark)), None)
        if unpack is None:
            yield file, False
            return
        size = file.seek(0, os.SEEK_END)
        file.seek(0)
        with tempfile.TemporaryFile() as room, unpack(file) as plain:
            while chunk := plain.read(1 << 20):
                room.write(chunk)
                if room.tell() > LARGEST_RATIO * size + LARGEST_RATIO * 2**20:
                    raise CmrError(f"{path} expands to over {LARGEST_RATIO} times its size")
            room.seek(0)
            yield room, True


@contextlib.contextmanager
def _reading(path: str) -> Iterator[None]:
    """Turn errors into CmrError that names the archive."""
    try:
        yield
    except FileNotFoundError:
        raise CmrError(f"there is no file {path}") from None
    except (OSError, EOFError, tarfile.TarError, UnicodeError, zlib.error, lzma.LZMAError) as error:
        raise CmrError(f"{path} is not a readable tar archive: {error}") from None
