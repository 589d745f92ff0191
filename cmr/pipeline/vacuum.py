"""Vacuum: remove what no catalogue row names and no running writer can still name."""

from __future__ import annotations

import contextlib
import os
import time
from dataclasses import dataclass

from cmr.errors import CmrError
from cmr.materialised import current_files
from cmr.warehouse.claims import guards
from cmr.warehouse.inventory import (
    ENCODING,
    KEPT,
    LEFTOVER,
    LOCK,
    PART,
    UNKNOWN,
    FoundFile,
    inventory,
    named_files,
)
from cmr.warehouse.locks import BusyError
from cmr.warehouse.store import Store

HOUR = 3600.0


@dataclass(frozen=True)
class Vacuumed:
    """What was removed, or would be; what stays, with the reason; what is not cmr's."""

    removed: list[FoundFile]
    kept: list[tuple[FoundFile, str]]
    unknown: list[FoundFile]


def vacuum(
    warehouse: Store, older: float = HOUR, dry_run: bool = False, unfinished: bool = False
) -> Vacuumed:
    """Remove data files that no row names, unfinished files, outdated measures, unused locks.

    Only files last changed at least `older` seconds ago whose writer holds no claim. `unfinished`:
    also what a killed ingest has encoded, from which the same ingest would continue. Files and
    folders that cmr did not create stay.

    The order makes it safe: files are listed first, then the held claims, then the catalogue. A
    writer takes its claim before it writes and releases it after it has committed. So the writer of
    a listed file either still holds its claim, or has named the file, or is dead; writers that
    begin later use other names.
    """
    if not dry_run and not warehouse.writable():
        raise CmrError(f"the warehouse at {warehouse.root} is read-only")
    before = time.time() - older
    found = inventory(warehouse)
    held, _ = warehouse.held_claims()
    needed = named_files(warehouse)
    if any(one.kind == KEPT for one in found):
        needed |= current_files(warehouse)
    gone: list[FoundFile] = []
    kept: list[tuple[FoundFile, str]] = []
    for one in found:
        if one.kind not in (LEFTOVER, PART, KEPT, ENCODING) or one.path in needed:
            continue
        why = _reason(one, held, before, unfinished)
        if why:
            kept.append((one, why))
        else:
            gone.append(one)
    locks = [one for one in found if one.kind == LOCK]
    if dry_run:
        gone += [one for one in locks if (one.changed or 0) <= before and _claim(one) not in held]
        return Vacuumed(gone, kept, [one for one in found if one.kind == UNKNOWN])
    for one in gone:
        warehouse.storage.delete(one.path)
    _remove_empty_folders(warehouse, gone)
    _, removed = warehouse.held_claims(remove_older=before)
    gone += [one for one in locks if one.path in removed]
    return Vacuumed(gone, kept, [one for one in found if one.kind == UNKNOWN])


def _reason(one: FoundFile, held: set[str], before: float, unfinished: bool) -> str:
    """Why a file that no row names still stays, or "" if it does not."""
    if one.kind == ENCODING and not unfinished:
        return "left by a killed ingest; the same ingest continues from it"
    if one.kind != KEPT:
        claims = guards(one.target)
        if held and (claims is None or claims & held):
            return "a writer is active"
    if one.changed is None:
        return "the store does not report its age"
    return "too young" if one.changed > before else ""


def _claim(one: FoundFile) -> str:
    return one.path.rpartition("/")[2].removesuffix(".lock")


def _remove_empty_folders(warehouse: Store, gone: list[FoundFile]) -> None:
    """Empty partition folders whose claim shows that no process is writing to them."""
    if not warehouse.storage.is_local:
        return
    for folder in {one.path.rpartition("/")[0] for one in gone if one.kind == LEFTOVER}:
        claims = guards(f"{folder}/x") or set()
        with contextlib.ExitStack() as stack, contextlib.suppress(BusyError, OSError):
            for claim in sorted(claims):
                stack.enter_context(warehouse.claim(claim, wait=False))
            path = folder
            while claims and "=" in path.rpartition("/")[2]:
                os.rmdir(warehouse.storage.path(path))
                path = path.rpartition("/")[0]
