"""Launches of the screen's kernels on CUDA, and what they take and give."""

# Triton's names have no types.
# mypy: disable-error-code="no-untyped-call"

from __future__ import annotations

from dataclasses import dataclass

import torch
import triton

from cmr.score.device.screen_kernel import screen_tiles
from cmr.score.device.settling_kernels import list_cells, settle_cells
from cmr.score.device.triton_kernel import DEPTH_BYTES, TOGETHER

# Texts and visuals of a tile: as much as one thread's registers hold of it.
ROWS, COLUMNS = 64, 128
WARPS, STAGES = 4, 3
# Words of marks that a program lists.
WORDS = 1024
# Scores that a program computes at a time, values of their vectors, and programs.
CELLS, VALUES, WORKERS = 16, 64, 2048


@dataclass(frozen=True)
class CodedBlock:
    """A block on the device: `vectors` (n, d) floats, their `codes` (n, e), int8 or float16.

    `terms`: (4, n) float32, of a `Screen`.
    """

    vectors: torch.Tensor
    codes: torch.Tensor
    terms: torch.Tensor


@dataclass(frozen=True)
class ScreenedQueries:
    """One direction's queries of a block, n, on the device, and what is found of them.

    Arrays are (slots, n): a query's pairs in the order of their thresholds, infinite where it has
    no more. `middle`: (slots + 1, n) float32, the middles of the thresholds' float32 bounds, which
    are `half` from them at most.
    `high`, `low`: float64. `more`, `tied`: int32, added to.
    """

    middle: torch.Tensor
    half: float
    high: torch.Tensor
    low: torch.Tensor
    more: torch.Tensor
    tied: torch.Tensor

    @property
    def bounds(self) -> tuple[torch.Tensor | float, ...]:
        """As codes are compared with them."""
        return self.middle, self.half, self.more

    @property
    def exact(self) -> tuple[torch.Tensor | int, ...]:
        """As float64 scores are compared with them."""
        return len(self.more), self.more.shape[1], self.high, self.low, self.more, self.tied


@dataclass(frozen=True)
class Doubts:
    """Scores of a piece in doubt: `marks`, int32, a bit for every score of it; see `launch_screen`.

    `cells`: (room, 2) int32, text and visual of each. `found`, `listed`: (1,) int32, how many there
    are; more than room where these are too many, and then no count is worth anything.
    """

    marks: torch.Tensor
    cells: torch.Tensor
    found: torch.Tensor
    listed: torch.Tensor

    @property
    def room(self) -> int:
        """How many can be listed."""
        return len(self.cells)


def doubts_of(texts: int, visuals: int, room: int, device: torch.device) -> Doubts:
    """Room for those of pieces of so many texts and visuals."""
    found, listed = torch.zeros((2, 1), dtype=torch.int32, device=device)
    return Doubts(
        torch.empty(texts * _words(visuals), dtype=torch.int32, device=device),
        torch.empty((room, 2), dtype=torch.int32, device=device),
        found,
        listed,
    )


def _words(visuals: int) -> int:
    """Words of marks in a row of so many scores."""
    return -(-visuals // COLUMNS) * (COLUMNS // 32)


def launch_screen(
    texts: CodedBlock,
    visuals: CodedBlock,
    slack: float,
    region: tuple[int, int, int, int],
    t2v: ScreenedQueries | None,
    v2t: ScreenedQueries | None,
    doubts: Doubts,
) -> None:
    """Count texts a:b x visuals c:d as far as codes tell, and list the rest in `doubts`.

    A direction of None is not counted. `doubts.marks` has a row of words for every text.
    """
    some = t2v or v2t
    assert some is not None
    a, b, c, d = region
    doubts.found.zero_()
    doubts.listed.zero_()
    words = _words(d - c)
    # Triton launches on the current device, which need not be theirs.
    with torch.cuda.device_of(texts.codes):
        screen_tiles[(triton.cdiv(b - a, ROWS) * triton.cdiv(d - c, COLUMNS),)](
            texts.codes,
            visuals.codes,
            texts.terms,
            visuals.terms,
            *(t2v or some).bounds,
            *(v2t or some).bounds,
            doubts.marks,
            doubts.found,
            a,
            b,
            c,
            d,
            texts.terms.shape[1],
            visuals.terms.shape[1],
            doubts.room,
            slack,
            texts.codes.shape[1],
            INTEGER=texts.codes.dtype == torch.int8,
            T2V=t2v is not None,
            V2T=v2t is not None,
            ROWS=ROWS,
            COLUMNS=COLUMNS,
            DEPTH=DEPTH_BYTES // texts.codes.element_size(),
            TOGETHER=TOGETHER,
            num_warps=WARPS,
            num_stages=STAGES,
            enable_fp_fusion=False,
        )
        list_cells[(triton.cdiv((b - a) * words, WORDS),)](
            doubts.marks, doubts.cells, doubts.listed, b - a, words, a, c, doubts.room, BLOCK=WORDS
        )


def launch_settling(
    texts: CodedBlock,
    visuals: CodedBlock,
    t2v: ScreenedQueries | None,
    v2t: ScreenedQueries | None,
    doubts: Doubts,
) -> None:
    """Compute and count what `launch_screen` has listed."""
    some = t2v or v2t
    assert some is not None
    with torch.cuda.device_of(texts.codes):
        settle_cells[(WORKERS,)](
            texts.vectors,
            visuals.vectors,
            *(t2v or some).exact,
            *(v2t or some).exact,
            doubts.cells,
            doubts.listed,
            doubts.room,
            texts.vectors.shape[1],
            T2V=t2v is not None,
            V2T=v2t is not None,
            CELLS=CELLS,
            VALUES=VALUES,
            num_warps=4,
            enable_fp_fusion=False,
        )
