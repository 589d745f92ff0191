"""How often a recommended representation keeps less than it is said to be sure to keep.

    python bench/choice.py [--samples 2000]

Candidates with a known retention are sampled repeatedly; among those that are sure to keep 99%, one
is recommended. Each is equally likely to be the smallest. `edge`: all keep just less than 99%,
which is the worst case, and any recommendation is wrong. `spread`: from 97% to 100%. `shared`: as
edge, but candidates lose the same queries, as codes of the same vectors do. Bounds are those of
`kept_reach` of `sql/macros/intervals.sql`, separately and corrected for the number of candidates.
"""

from __future__ import annotations

from collections.abc import Callable
from statistics import NormalDist

import click
import numpy as np
import numpy.typing as npt

RETAIN, HITS, GAINED = 0.99, 0.6, 0.004
Floats = npt.NDArray[np.float64]


def t_end(clusters: int, looks: int) -> float:
    """The t quantile for `looks` figures together: `t_quantile` of `sql/macros/quantiles.sql`."""
    z = -NormalDist().inv_cdf(0.025 / looks)
    n = clusters - 1
    return (
        z
        + (z**3 + z) / (4 * n)
        + (5 * z**5 + 16 * z**3 + 3 * z) / (96 * n**2)
        + (3 * z**7 + 19 * z**5 + 17 * z**3 - 15 * z) / (384 * n**3)
    )


def lower_end(x: Floats, y: Floats, looks: int) -> Floats:
    """The lower bound of retention: x (candidates, clusters) against y (clusters,)."""
    clusters = y.shape[-1]
    total, base = x.sum(axis=-1), y.sum()
    kept = total / base
    residual = (x * x).sum(-1) - 2 * kept * (x * y).sum(-1) + kept**2 * (y * y).sum()
    spread = residual * clusters / (clusters - 1)
    worst = (y * y).sum() / base
    moved = ((x - y) ** 2).sum(-1) + 3 * worst**2
    size = np.abs(x - y).sum(-1) + 3 * worst
    piece = moved / size * (3 * worst + np.maximum(base - total, 0)) / size
    t = t_end(clusters, looks)
    reach = t * t * piece / 2 + np.sqrt((t * t * piece / 2) ** 2 + t * t * spread)
    return np.asarray(kept * total / (total + reach))


def drawn(
    rng: np.random.Generator, kept: Floats, clusters: int, shared: bool
) -> tuple[Floats, Floats]:
    """Hits of the candidates, (candidates, clusters), and of the baseline, (clusters,)."""
    y = rng.random(clusters) < HITS
    shape = (1 if shared else len(kept), clusters)
    chance = rng.random(shape)
    gained = GAINED * HITS / (1 - HITS)
    x = np.where(y, chance >= (1 + GAINED - kept)[:, None], chance < gained)
    return x.astype(np.float64), y.astype(np.float64)


SETTINGS: dict[str, Callable[[int], Floats]] = {
    "edge": lambda count: np.full(count, RETAIN - 1e-6),
    "spread": lambda count: np.linspace(0.97, 1.0, count),
    "shared": lambda count: np.full(count, RETAIN - 1e-6),
}


@click.command()
@click.option("--samples", default=2000, show_default=True)
def main(samples: int) -> None:
    """Print the share of samples with a wrong recommendation."""
    print(
        "| candidates | setting | visual items | on their own | together |\n|---|---|---|---|---|"
    )
    for count in (9, 60):
        for name, truth in SETTINGS.items():
            for clusters in (200, 1000, 5000):
                rng = np.random.default_rng(count + clusters)
                kept = truth(count)
                wrong = np.zeros(2)
                for _ in range(samples):
                    x, y = drawn(rng, kept, clusters, name == "shared")
                    order = rng.permutation(count)
                    for place, looks in enumerate((1, count)):
                        sure = lower_end(x, y, looks)[order] >= RETAIN
                        wrong[place] += bool(sure.any()) and kept[order][sure.argmax()] < RETAIN
                alone, together = wrong / samples
                print(
                    f"| {count} | {name} | {clusters:,} | {alone:.1%} | {together:.1%} |",
                    flush=True,
                )


if __name__ == "__main__":
    main()
