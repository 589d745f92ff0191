"""What a tar archive contains, and where it is damaged.

`tarfile`, which webdataset uses, stops silently at the first unreadable header, at a truncation
between two members, and at a block of zeros that is not the end. Here each of these is recorded,
and reading continues at the next header.
"""

from __future__ import annotations

import io
import os
import tarfile
from dataclasses import dataclass
from typing import IO

from cmr.sources.phrases import counted

BLOCK = tarfile.BLOCKSIZE
_STEP = 2048 * BLOCK
# Writers pad an archive to a record, by default 10 KiB, at most 1 MiB.
LONGEST_PADDING = 2**20
MOST_DAMAGES = 1000
# Types of headers that extend the next one, for instance with a long name.
_OF_THE_NEXT = (tarfile.GNUTYPE_LONGNAME, tarfile.GNUTYPE_LONGLINK, tarfile.XHDTYPE)
# What tarfile raises for a damaged or malicious header.
_FAULTS = (tarfile.TarError, ValueError, ArithmeticError, LookupError, OSError)


@dataclass(frozen=True)
class Member:
    """A plain file inside an archive: the archive, its name, and where its bytes are.

    `sparse`: its bytes are not contiguous.
    """

    archive: int
    name: str
    offset: int
    size: int
    sparse: bool = False


@dataclass(frozen=True)
class Damage:
    """Where an archive breaks, and what was found there."""

    archive: int
    offset: int
    reason: str


def scan(file: IO[bytes], number: int = 0) -> tuple[list[Member], list[Damage]]:
    """The plain files of an uncompressed archive, in order, and its damages.

    `number`: the archive's number, which they record. Links, devices and folders are left out: only
    plain files are samples. Raises tarfile.ReadError if there is no tar header, or hardly an intact
    one, OSError if it cannot be read.
    """
    end = file.seek(0, os.SEEK_END)
    archive = _archive(file)
    found: list[Member] = []
    damages: list[Damage] = []
    offset, headers = 0, 0
    while True:
        if len(damages) > MOST_DAMAGES:
            raise tarfile.ReadError(f"it is damaged in more than {MOST_DAMAGES} places")
        file.seek(offset)
        head = file.read(BLOCK)
        if not head:
            if not offset:
                raise tarfile.ReadError("it is empty")
            # Some writers omit the marker, which cannot be told from a truncation.
            reason = f"it has no end-of-archive marker after {counted(len(found), 'file')}"
            reason = f"{reason}, so it may be cut off at byte {offset:,}"
            damages.append(Damage(number, offset, reason))
            break
        if not head.strip(b"\0"):
            following = _next_header(file, offset, end)
            if following is None:
                if end - offset > LONGEST_PADDING:
                    reason = f"{end - offset:,} bytes without any file end it, from byte {offset:,}"
                    damages.append(
                        Damage(number, offset, f"{reason}: they may never have been written")
                    )
                break
            reason = f"zeros, which mark the end, are at byte {offset:,} with files after them"
            damages.append(Damage(number, offset, f"{reason}: a hole, or archives put end to end"))
            offset = following
            continue
        info = _member(archive, offset)
        if info is None:
            following = _next_header(file, offset + BLOCK, end)
            if following is None and not headers:
                raise tarfile.ReadError("it has no header of a tar archive")
            if following is None and not _ends_in_zeros(file, offset, end):
                damages.append(
                    Damage(number, offset, f"it is cut off inside a header, at byte {end:,}")
                )
                break
            reason = f"the header at byte {offset:,} is damaged, so its file is lost"
            damages.append(Damage(number, offset, reason))
            if following is None:
                break
            offset = following
            # Without it, the next file does not have its own name.
            about_next = head[156:157] in _OF_THE_NEXT and not _is_header(head)
            if about_next and _member(archive, following):
                offset = archive.offset
            continue
        headers += 1
        if info.isreg():
            if info.offset_data + (0 if info.issparse() else info.size) > end:
                reason = f"it is cut off at byte {end:,}, inside {info.name!a}"
                damages.append(Damage(number, offset, reason))
                break
            found.append(Member(number, info.name, info.offset_data, info.size, info.issparse()))
        offset = archive.offset
    return found, damages


def _archive(file: IO[bytes]) -> tarfile.TarFile:
    """The attributes of an archive that tarfile needs for reading a header."""
    nothing = io.BytesIO(bytes(2 * BLOCK))
    archive = tarfile.TarFile(fileobj=nothing, encoding="utf-8", errors="surrogateescape")
    archive.fileobj = file
    return archive


def _member(archive: tarfile.TarFile, offset: int) -> tarfile.TarInfo | None:
    """The member whose headers begin at `offset`, None if they are damaged or cut off.

    Afterwards `archive.offset` is where the next one begins.
    """
    assert archive.fileobj is not None
    archive.fileobj.seek(offset)
    try:
        info = tarfile.TarInfo.fromtarfile(archive)
    except RecursionError:
        raise tarfile.ReadError("its headers refer to further headers without end") from None
    except _FAULTS:
        return None
    return info if info.size >= 0 and archive.offset > offset else None


def _next_header(file: IO[bytes], offset: int, end: int) -> int | None:
    """Where the next intact header begins, from `offset` on."""
    while offset < end:
        file.seek(offset)
        part = file.read(_STEP)
        for first in range(0, len(part) - BLOCK + 1, BLOCK):
            block = part[first : first + BLOCK]
            if block[0] and _is_header(block):
                return offset + first
        offset += _STEP
    return None


def _is_header(block: bytes) -> bool:
    try:
        return tarfile.TarInfo.frombuf(block, "utf-8", "surrogateescape").size >= 0
    except _FAULTS:
        return False


def _ends_in_zeros(file: IO[bytes], offset: int, end: int) -> bool:
    """Whether the archive's last block, after `offset`, belongs to the end-of-archive marker."""
    last = max(offset + BLOCK, end - BLOCK)
    file.seek(last)
    return last < end and not file.read(BLOCK).strip(b"\0")
