"""What all tasks of one representation share, and the identity of a task."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from cmr.devices import pick_device
from cmr.engine.grid import TaskPart
from cmr.identity import identity
from cmr.represent.coded_sets import multiplied
from cmr.rows import Row
from cmr.score.asymmetric import as_compared, largest_product, plan_for
from cmr.score.exhaustive import pair_values
from cmr.score.judgments import Judged
from cmr.score.pair_scores import Values
from cmr.score.plan import Plan
from cmr.score.planning import make_plan
from cmr.warehouse.partials import drop, read_thresholds, write_thresholds
from cmr.warehouse.store import Store
from cmr.warehouse.vectors import StoredVectors


@dataclass(frozen=True)
class Work:
    """One representation to be counted.

    `text`, `visual`: its catalogue rows. `run_ids`: by direction. `sizes`, `draws`: pools to
    sample. `hits`: length of the stored lists, 0 for none. `judged`: by direction. `memory`: bytes
    that a task may take, None for its share of the machine.
    """

    root: str
    text: Row
    visual: Row
    run_ids: Mapping[str, str]
    sizes: list[int]
    draws: int
    hits: int
    seed: int
    device: str
    memory: int | None
    judged: Mapping[str, Judged]

    @property
    def key(self) -> str:
        """Hash of everything that determines the counts, except how they are cut."""
        lists = {"hits": self.hits} if self.hits else {}
        return identity(runs=dict(self.run_ids), sizes=self.sizes, draws=self.draws, **lists)

    @property
    def title(self) -> str:
        """The representation as people write it."""
        row = self.text
        return f"{row['dim']} {row['dim_method']} {row['precision']}"

    @property
    def queries(self) -> dict[str, str]:
        """Which side each direction's queries are on."""
        return {name: "text" if name == "t2v" else "visual" for name in self.judged}

    @property
    def multiplied(self) -> str:
        """The precision of the operands: fp32 where codes are read as floats."""
        return multiplied(self.text)

    def name(self, block: TaskPart) -> str:
        """The task's name in the catalogue."""
        return f"{self.key}-{block.shards}-{block.shard}"

    def plan(self, texts: int, visuals: int, longest: float = 1.0) -> Plan:
        """How a part with this many texts and visuals is scored here.

        `longest`: the largest product there can be; see `cmr.score.asymmetric`.
        """
        plan = make_plan(
            self.multiplied,
            self.text["dim"],
            texts,
            visuals,
            pick_device(self.device),
            self.memory,
            self.sizes[-1] if self.sizes else 0,
            self.draws,
        )
        return plan_for(plan, longest)


def thresholds(work: Work) -> dict[str, Values]:
    """Every pair's own score by direction, the threshold that all tasks count against.

    Whoever needs them first computes and stores them, reading only the row groups that hold a
    relevant item; all tasks read the same ones.
    """
    warehouse = Store.open(work.root)
    lengths = {name: len(judged.query) for name, judged in work.judged.items()}
    key = identity(runs=dict(work.run_ids))
    with warehouse.claim(f"thresholds-{key}"):
        found = read_thresholds(warehouse, key, lengths)
        if found is None:
            found = _compute(warehouse, work)
            write_thresholds(warehouse, key, found)
    return found


def _compute(warehouse: Store, work: Work) -> dict[str, Values]:
    sides: dict[str, list[npt.NDArray[np.int64]]] = {"text": [], "visual": []}
    for name, judged in work.judged.items():
        query, item = ("text", "visual") if name == "t2v" else ("visual", "text")
        sides[query].append(judged.query)
        sides[item].append(judged.item)
    texts, visuals = (
        as_compared(_holding(warehouse, row, sides[side]), row)
        for side, row in (("text", work.text), ("visual", work.visual))
    )
    plan = work.plan(texts.rows, visuals.rows, largest_product(texts, visuals))
    return pair_values(texts, visuals, dict(work.judged), plan)


def _holding(warehouse: Store, row: Row, ordinals: list[npt.NDArray[np.int64]]) -> StoredVectors:
    """The row groups of a set that hold any of these vectors."""
    return StoredVectors(warehouse, row, holding=np.unique(np.concatenate(ordinals)))


def forget(work: Work) -> None:
    """Remove the partial counts and thresholds of a representation whose runs are stored."""
    drop(Store.open(work.root), work.key, identity(runs=dict(work.run_ids)))
