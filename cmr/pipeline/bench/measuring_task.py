"""What a measuring process is told to do, and what it reports back."""

from __future__ import annotations

from dataclasses import dataclass, field

from cmr.encode.sampling import Sampling
from cmr.encode.spec import ModelSpec
from cmr.rows import Row
from cmr.score.judgments import Indices
from cmr.score.search.graph_settings import Hnsw
from cmr.score.search.scorer_options import Options


@dataclass(frozen=True)
class Lane:
    """One thing that a process times repeatedly.

    `expansion_search`: of a graph. `pool`: size of the gallery that is searched, None for the
    whole of it. `clients`: how many search at once, None if one query follows the other. `share`:
    of the gallery, that a filter lets pass, None without one.
    """

    expansion_search: int | None = None
    pool: int | None = None
    clients: int | None = None
    share: float | None = None


@dataclass(frozen=True)
class Task:
    """What one process measures: one stage of one index, or one side of an encoder.

    `label`: for people. `gallery`, `queries`: catalogue rows of the sets that are searched;
    `asking`: ordinals of the queries that may be drawn, None for all. `fine`: the sets of a second
    stage, gallery first. `depth`: length of the first stage's lists. `batch`:
    queries per batch. `singles`: single queries per repeat, or that clients send. `window`: seconds
    for which they do. `weights`: the hash that the model's
    weights must have. `texts`, `images`: what is encoded, captions or locations of pictures or
    clips below `media`; `sampling`: of clips.
    """

    root: str
    stage: str
    label: str
    lanes: tuple[Lane, ...]
    threads: int
    device: str
    seed: int
    gallery: Row = field(default_factory=dict)
    queries: Row = field(default_factory=dict)
    fine: tuple[Row, Row] | None = None
    scorer: str = ""
    options: Options = ()
    hnsw: Hnsw | None = None
    k: int = 10
    depth: int = 10
    batch: int = 0
    singles: int = 0
    window: float = 0.0
    spec: ModelSpec | None = None
    weights: str | None = None
    texts: tuple[str, ...] = ()
    images: tuple[str, ...] = ()
    media: Row = field(default_factory=dict)
    sampling: Sampling | None = None
    asking: Indices | None = field(default=None, compare=False)

    @property
    def asymmetric(self) -> bool:
        """Whether the queries are coded differently from the gallery."""
        return bool(self.queries["precision"] != self.gallery["precision"])


@dataclass(frozen=True)
class Turn:
    """One repeat of a lane: `queries` answered (or items encoded) in `seconds`.

    `latencies`: seconds of each single query. `threads`: how many were used.
    """

    seconds: float
    queries: int
    threads: int
    latencies: list[float] | None = None


@dataclass(frozen=True)
class Footprint:
    """The process's memory, in bytes.

    `idle`: before it loaded anything. `peak`: maximum during the stage. `device`: maximum on an
    accelerator. `memory`, `index`: the gallery in memory, and its index on disk, which has
    `vectors` vectors. `agreement`: by lane, the share of the exact top k that is found; empty if
    everything is exact. `missing`: by lane, results that a list under a filter lacks.
    """

    idle: int
    peak: int
    device: int | None
    memory: int | None
    index: int | None
    vectors: int = 0
    agreement: dict[Lane, float] = field(default_factory=dict)
    missing: dict[Lane, float] = field(default_factory=dict)


@dataclass(frozen=True)
class Measured:
    """All results of a task: each lane's turns in order, and the footprint."""

    task: Task
    turns: dict[Lane, list[Turn]]
    footprint: Footprint


@dataclass(frozen=True)
class Failed:
    """A failed task, and the reason in one sentence."""

    task: Task
    reason: str
