"""Times counting on a CUDA device, and holds its counts against float64's.

    python bench/cuda.py OUT.json [--real VECTORS.npz] [--sweep] [--large]

Vectors are on the device before a clock starts, for cmr as for its peers; cmr's seconds end with
counts in the CPU's memory. --real: `text` and `image` vectors, five texts an image, that are
repeated with a little noise. --sweep: other tiles of the screen, too. --large: 25,000 x 1,000,000.
"""

from __future__ import annotations

import argparse
import json
import statistics
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch

from cmr.progressbar import no_advance
from cmr.represent.precisions import encode
from cmr.score import exhaustive, planning
from cmr.score.blocks import Block, prepared
from cmr.score.device import screen_launch, screened_pieces
from cmr.score.judgments import Judged, judge
from cmr.score.kernels import float32_products
from cmr.score.plan import Plan
from cmr.score.screened import Screened
from cmr.score.tally import Tally

DIM, DEVICE = 512, "cuda"
# Scores that a peer holds at a time.
HELD = 2**29
TILES = ((128, 64, 4, 3), (128, 64, 4, 4), (64, 128, 4, 3), (128, 128, 8, 3), (128, 128, 8, 4))


@dataclass
class Case:
    """Vectors of both sides on the device, and which text belongs to which visual."""

    name: str
    texts: torch.Tensor
    visuals: torch.Tensor
    visual_of: torch.Tensor

    def judged(self) -> dict[str, Judged]:
        """In both directions."""
        text, visual = np.arange(len(self.texts)), self.visual_of.cpu().numpy()
        shape = len(self.texts), len(self.visuals)
        return {"t2v": judge(text, visual, *shape), "v2t": judge(visual, text, *shape[::-1])}


def random(name: str, texts: int, visuals: int, noise: float = 6.0, cone: float = 0.0) -> Case:
    """As `bench/peers.py` makes them; `cone`: what all share, in units of a vector's length."""
    generator = torch.Generator(DEVICE).manual_seed(0)
    visual = torch.randn(visuals, DIM, device=DEVICE, generator=generator)
    of = torch.arange(texts, device=DEVICE) % visuals
    text = visual[of] + noise * torch.randn(texts, DIM, device=DEVICE, generator=generator)
    shared = torch.randn(DIM, device=DEVICE, generator=generator) * cone
    sides = (torch.nn.functional.normalize(x / x.norm(dim=1).mean() * DIM**0.5 + shared)
             for x in (text, visual))  # fmt: skip
    return Case(name, *sides, of)


def repeated(case: Case, share: float) -> Case:
    """The same with a share of its visuals equal to others, and a tenth nearly so."""
    visuals = case.visuals.clone()
    some = int(len(visuals) * share)
    visuals[-some:] = visuals[:some]
    near = slice(some, some + len(visuals) // 10)
    visuals[near] = visuals[near.start - 1] + 3e-7 * torch.randn_like(visuals[near])
    return replace(case, name=f"{case.name}, duplicates", visuals=visuals)


def real(path: Path, texts: int, visuals: int) -> Case:
    """Vectors of a file again and again, a little noise on each."""
    stored = np.load(path)
    image, text = (torch.from_numpy(stored[name]).to(DEVICE) for name in ("image", "text"))
    of, own = torch.from_numpy(stored["text_image"]).to(DEVICE), torch.arange(texts, device=DEVICE)
    copies = visuals // len(image)
    place = own % (len(text) * copies)
    copy, which = place // len(text), place % len(text)
    visual = image.repeat(copies, 1) + 0.02 * torch.randn(visuals, image.shape[1], device=DEVICE)
    asked = text[which] + 0.02 * torch.randn(texts, image.shape[1], device=DEVICE)
    sides = (torch.nn.functional.normalize(x) for x in (asked, visual))
    return Case(
        f"real {texts} x {visuals} x {image.shape[1]}", *sides, of[which] + copy * len(image)
    )


def timed(work: Callable[[], Any], repeats: int = 7) -> float:
    """Median seconds, after two that warm it up, or one of few."""
    took, warm = [], 1 + (repeats > 3)
    for _ in range(repeats + warm):
        torch.cuda.synchronize()
        start = time.perf_counter()
        work()
        torch.cuda.synchronize()
        took.append(time.perf_counter() - start)
    return statistics.median(took[warm:])


class Counting:
    """One precision's counting of a case; `by`: what screens it, or "" for nothing."""

    def __init__(self, case: Case, precision: str, by: str = "") -> None:
        plan = planning.make_plan(
            precision, case.texts.shape[1], len(case.texts), len(case.visuals), DEVICE
        )
        kernel = replace(plan.kernel, screened=bool(by))
        self.plan: Plan = replace(plan, kernel=kernel, screened=Screened(by))
        self.by, self.judged = by, case.judged()
        self.texts, self.visuals = (self._block(x) for x in (case.texts, case.visuals))
        self.values = self._values(case)

    def _block(self, vectors: torch.Tensor) -> Block:
        if self.plan.kernel.scaled:
            return prepared(0, encode(vectors.cpu().numpy(), self.plan.kernel.precision),
                            self.plan.kernel)  # fmt: skip
        operand = vectors.to(getattr(torch, self.plan.kernel.operand))
        return Block(0, operand, np.zeros(0, dtype=np.float32))

    def _values(self, case: Case) -> np.ndarray:
        """Of every text with its visual."""
        left, right = self.texts.operand, self.visuals.operand
        own = case.visual_of
        found = torch.cat([
            (left[at : at + 8192].double() * right[own[at : at + 8192]].double()).sum(1)
            for at in range(0, len(left), 8192)
        ]).cpu().numpy()  # fmt: skip
        if self.plan.kernel.scaled:
            found = found * self.visuals.scales[own.cpu().numpy()] * self.texts.scales
        return found

    def tallies(self) -> dict[str, Tally]:
        """With nothing counted yet."""
        return {
            name: Tally(judged, self.plan.kernel, self.values[judged.order], 0, 0)
            for name, judged in self.judged.items()
        }

    def run(self) -> dict[str, Tally]:
        """Count both directions."""
        tallies = self.tallies()
        plan = replace(self.plan, screened=Screened(self.by))
        with plan.kernel.active():
            exhaustive._counting(plan)(self.texts, self.visuals, tallies, None, plan, no_advance)
        self.found = plan.screened
        return tallies

    def parts(self) -> dict[str, float]:
        """Seconds of the parts of one run, each waited for, so that they are more than a whole."""
        names = "screen_there", "launch_screen", "launch_settling", "_CodedQueries"
        took: dict[str, float] = {}

        def clocked(name: str, work: Callable[..., Any]) -> Callable[..., Any]:
            def call(*given: Any) -> Any:
                torch.cuda.synchronize()
                start = time.perf_counter()
                found = work(*given)
                torch.cuda.synchronize()
                took[name] = took.get(name, 0.0) + time.perf_counter() - start
                return found

            return call

        before = {name: getattr(screened_pieces, name) for name in names}
        try:
            for name, work in before.items():
                setattr(screened_pieces, name, clocked(name, work))
            start = time.perf_counter()
            self.run()
            took["all"] = time.perf_counter() - start
        finally:
            for name, work in before.items():
                setattr(screened_pieces, name, work)
        return took


def exact(counting: Counting, name: str) -> tuple[np.ndarray, np.ndarray]:
    """A direction's counts by float64 products, of floats."""
    tally = counting.tallies()[name]
    sides = counting.texts.operand, counting.visuals.operand
    queries, items = sides if name == "t2v" else sides[::-1]
    gallery, more, tied = items.double(), [], []
    query = torch.from_numpy(tally.judged.query).to(DEVICE)
    high, low = (torch.from_numpy(x).to(DEVICE) for x in (tally.bounds.high, tally.bounds.low))
    step = max(1, 2**27 // len(gallery))
    for at in range(0, len(query), step):
        here = slice(at, at + step)
        scores = queries[query[here]].double() @ gallery.T
        above = scores > high[here, None]
        more.append(above.sum(1))
        tied.append((scores >= low[here, None]).sum(1) - more[-1])
    return torch.cat(more).cpu().numpy(), torch.cat(tied).cpu().numpy()


def wrong(counting: Counting) -> int:
    """How many pairs' counts are not float64's."""
    tallies, bad = counting.run(), 0
    for name, tally in tallies.items():
        more, tied = exact(counting, name)
        bad += int(((tally.more != more) | (tally.tied != tied)).sum())
    return bad


def peers(case: Case) -> dict[str, float]:
    """Seconds of products and of the best ten, both ways."""
    q, g = case.texts, case.visuals
    step = max(1, HELD // len(g))

    def products(left: torch.Tensor, right: torch.Tensor) -> Iterator[torch.Tensor]:
        rows = max(1, HELD // len(right))
        return (left[at : at + rows] @ right.T for at in range(0, len(left), rows))

    def bare() -> None:
        room = torch.empty((min(step, len(q)), len(g)), dtype=q.dtype, device=DEVICE)
        for at in range(0, len(q), step):
            part = q[at : at + step]
            torch.mm(part, g.T, out=room[: len(part)])

    def best() -> None:
        for left, right in ((q, g), (g, q)):
            for scores in products(left, right):
                scores.topk(10, dim=1)

    repeats = 3 if len(g) > 200_000 else 7
    with float32_products("ieee"):
        found = {
            "torch.mm fp32": timed(bare, repeats),
            "torch.topk both ways": timed(best, repeats),
        }
    torch.backends.cuda.matmul.fp32_precision = "tf32"
    found["torch.mm TF32"] = timed(bare, repeats)
    found["torch.topk both ways TF32, not exact"] = timed(best, repeats)
    torch.backends.cuda.matmul.fp32_precision = "ieee"
    q, g = q.half(), g.half()
    found["torch.mm fp16"] = timed(bare, repeats)
    return found


def measured(case: Case, check: bool, sweep: bool) -> dict[str, Any]:
    """Everything of one case."""
    found: dict[str, Any] = {"seconds": peers(case), "wrong": {}, "screened": {}, "parts": {}}
    wide = len(case.visuals) > 200_000
    screens = {"fp32": ("", "float16", "int8"), "fp16": ("", "float16"), "bf16": ("", "bfloat16")}
    contenders = [(precision, one) for precision, some in screens.items() for one in some]
    for precision, by in contenders + ([] if wide else [("int8", "")]):
        name = f"cmr {precision}" + (f" by {by}" if by else "")
        counting = Counting(case, precision, by)
        found["seconds"][name] = timed(counting.run, 2 if wide else 7)
        found["counted"] = found.get("counted", {}) | {name: counting.plan.counting}
        if by:
            found["screened"][name] = counting.found.describe()
            found["parts"][name] = counting.parts()
            for tile in TILES if sweep and name == "cmr fp32 by float16" else ():
                set_tile(*tile)
                found["seconds"][f"{name} {tile}"] = timed(counting.run)
                found["parts"][f"{name} {tile}"] = counting.parts()
            set_tile(*TILES[0])
        if check and precision != "int8":
            found["wrong"][name] = wrong(counting)
        print(name, found["seconds"][name], found["wrong"].get(name), flush=True)
        del counting
    return found


def set_tile(rows: int, columns: int, warps: int, stages: int) -> None:
    """Set the screen's tile."""
    screen_launch.ROWS, screen_launch.COLUMNS = rows, columns
    screen_launch.WARPS, screen_launch.STAGES = warps, stages


def main() -> None:
    """Print and write what was measured."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("out", type=Path)
    parser.add_argument("--real", type=Path)
    parser.add_argument("--sweep", action="store_true")
    parser.add_argument("--large", action="store_true")
    asked = parser.parse_args()
    coco, large = random("25000 x 5000", 25_000, 5_000), random("10000 x 100000", 10_000, 100_000)
    cases = [(coco, True, asked.sweep), (large, True, asked.sweep)]
    cases.append((repeated(coco, 0.3), True, False))
    cases.append((random("25000 x 5000, cone", 25_000, 5_000, 6.0, 1.5), True, False))
    if asked.real:
        cases.append((real(asked.real, 25_000, 5_000), True, False))
        cases.append((real(asked.real, 10_000, 100_000), True, False))
    device = torch.cuda.get_device_name()
    out: dict[str, Any] = {"device": device, "torch": torch.__version__, "cases": {}}
    if asked.large:
        cases.append((random("25000 x 1000000", 25_000, 1_000_000), False, False))
    for case, check, sweep in cases:
        print("==", case.name, flush=True)
        out["cases"][case.name] = measured(case, check, sweep)
        asked.out.write_text(json.dumps(out, indent=1))
    for name, case_found in out["cases"].items():
        print(name)
        for key in ("seconds", "wrong", "screened", "counted"):
            print(" ", key, json.dumps(case_found[key]))


if __name__ == "__main__":
    main()
