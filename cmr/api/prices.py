"""What machines cost, from a TOML file that says when that was and where it is written."""

from __future__ import annotations

import datetime
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cmr.errors import CmrError

OWN = Path(__file__).with_name("prices.toml")
_NUMBERS = ("vcpus", "ram_gib", "usd_month")


@dataclass(frozen=True)
class Machine:
    """One kind. `vcpus`: virtual processors. `ram_gib`: memory. `usd_month`: US dollars a month."""

    name: str
    vcpus: float
    ram_gib: float
    usd_month: float


@dataclass(frozen=True)
class Prices:
    """Kinds of machines. `ram_share`: of their memory, that vectors may take."""

    source: str
    date: datetime.date
    ram_share: float
    machines: tuple[Machine, ...]


def prices(path: Path = OWN) -> Prices:
    """Read such a file. Raises CmrError in one sentence for what is wrong in it."""
    try:
        found = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise CmrError(f"prices cannot be read: {error.strerror} {path}") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise CmrError(f"{path} is not TOML: {error}") from None
    where = found.get("source")
    if not isinstance(where, str) or not where.strip():
        raise CmrError(f'{path} does not say the source of its prices: source = "https://…"')
    date = found.get("date")
    if not isinstance(date, datetime.date):
        raise CmrError(f"{path} does not say the date of its prices: date = 2026-01-31")
    listed = found.get("machines")
    if not isinstance(listed, list) or not listed:
        raise CmrError(f"{path} lists no machines: [[machines]] with name, {', '.join(_NUMBERS)}")
    share = _number(path, "ram_share", found.get("ram_share", 0.8))
    if share > 1:
        raise CmrError(f"{path}: ram_share is {share:g}, more than all of the memory")
    return Prices(where.strip(), date, share, tuple(_machine(path, one) for one in listed))


def _machine(path: Path, row: Any) -> Machine:
    name = row.get("name") if isinstance(row, dict) else None
    if not isinstance(name, str) or not name.strip():
        raise CmrError(f"{path}: a machine has no name")
    return Machine(name, *(_number(path, f"{one} of {name}", row.get(one)) for one in _NUMBERS))


def _number(path: Path, what: str, value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 < value < 1e12:
        raise CmrError(f"{path}: {what} is {value!r}, not a number above 0")
    return float(value)
