"""How the texts x visuals matrix of a representation is cut into tasks."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from cmr.errors import CmrError
from cmr.precision import BFLOAT16, INT8, precision_of

Range = tuple[int, int]
# Operations per second of a core for codes, for bf16 and for the rest, measured by bench/ on x86-64
# servers with AVX-512; of a GPU, assumed. Good enough for sizing tasks.
CODES_RATE, BF16_RATE, CORE_RATE, GPU_RATE = 6e11, 2e11, 1e11, 1e14
_RATES = {INT8: CODES_RATE, BFLOAT16: BF16_RATE}
# A task's target and minimum duration.
TASK_SECONDS = 20.0
LEAST_SECONDS = 1.0


@dataclass(frozen=True)
class TaskPart:
    """The part of one task: half-open ranges of the ordinals of texts and visuals.

    `shard` of `shards`, from 0. For text queries the visuals are a gallery shard, and vice versa:
    one product serves both directions.
    """

    shard: int
    shards: int
    texts: Range
    visuals: Range

    @property
    def cells(self) -> int:
        """Scores that the task counts."""
        return (self.texts[1] - self.texts[0]) * (self.visuals[1] - self.visuals[0])


def cut(texts: int, visuals: int, shards: int) -> list[TaskPart]:
    """`shards` blocks of equal size, shaped to read the fewest vectors.

    With t parts of the texts and v of the visuals, t v = shards, a task reads texts/t + visuals/v.
    Raises CmrError if there are more shards than the sides can be cut into.
    """
    shapes = [
        (t, shards // t)
        for t in range(1, shards + 1)
        if shards % t == 0 and t <= texts and shards // t <= visuals
    ]
    if not shapes:
        raise CmrError(f"{texts:,} texts and {visuals:,} visuals do not make {shards:,} shards")
    t, v = min(shapes, key=lambda shape: texts / shape[0] + visuals / shape[1])
    return [
        TaskPart(at, shards, rows, columns)
        for at, (rows, columns) in enumerate(
            (rows, columns) for rows in _ranges(texts, t) for columns in _ranges(visuals, v)
        )
    ]


def choose(texts: int, visuals: int, dim: int, slots: int, rate: float = CORE_RATE) -> int:
    """How many tasks to cut the work into, when `slots` of them run at a time.

    Tasks of TASK_SECONDS keep the overhead per task small and leave little idle time at the end,
    see docs/scale.md; never fewer tasks than slots, unless they would be too short.
    """
    seconds = 2.0 * texts * visuals * dim / rate
    wanted = max(min(slots, int(seconds / LEAST_SECONDS)), int(seconds / TASK_SECONDS), 1)
    while wanted > 1:
        try:
            cut(texts, visuals, wanted)
        except CmrError:
            wanted -= 1
        else:
            break
    return wanted


def core_rate(precision: str) -> float:
    """Operations per second of a core that multiplies and counts at a precision."""
    return _RATES.get(precision_of(precision).operand, CORE_RATE)


def _ranges(size: int, parts: int) -> Iterator[Range]:
    for part in range(parts):
        yield size * part // parts, size * (part + 1) // parts


def parse(given: str) -> tuple[int, int]:
    """(shard, shards) from a text such as 3/8. Shards count from 0; n/n means 0, so 1 to n works.

    Raises CmrError for anything else.
    """
    left, _, right = given.partition("/")
    if not (left.strip().isdecimal() and right.strip().isdecimal()):
        raise CmrError(f"--shard {given!r} is not i/n, such as 3/8")
    shard, shards = int(left), int(right)
    if shards < 1 or shard > shards:
        raise CmrError(f"--shard {given}: there is no such shard; i goes from 0 to n - 1")
    return shard % shards, shards
