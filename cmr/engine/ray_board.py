"""The progress of Ray's tasks, which they report to an actor."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass
class State:
    """The progress of all tasks, as the progress view shows it."""

    total: int = 0
    done: int = 0
    cells: int = 0
    counted: int = 0
    running: int = 0
    retries: int = 0
    failed: int = 0
    logs: dict[str, str] = field(default_factory=dict)


class Board:
    """An actor to which tasks report their progress."""

    def __init__(self) -> None:
        self._begun: dict[str, int] = {}
        self._cells: dict[str, int] = {}
        self._logs: dict[str, str] = {}
        self._ended: set[str] = set()

    def begin(self, name: str, log: str) -> None:
        """Report that a task began, or began again."""
        self._begun[name] = self._begun.get(name, 0) + 1
        self._cells[name] = 0
        self._logs[name] = log

    def advance(self, name: str, cells: int) -> None:
        """Report how many scores a task has counted so far."""
        self._cells[name] = cells

    def end(self, name: str, cells: int) -> None:
        """Report that a task is done."""
        self._cells[name] = cells
        self._ended.add(name)

    def look(self) -> tuple[int, int, int, dict[str, str]]:
        """Scores counted, running tasks, restarted tasks, and each task's log."""
        again = sum(times - 1 for times in self._begun.values())
        return sum(self._cells.values()), len(self._begun) - len(self._ended), again, self._logs
