"""Write the figures of one `make bench` into docs/bench.md, and draw docs/bench.svg.

    python bench/document.py [--results bench/results]

The newest files must be of one day, one machine and the same versions: a table never mixes runs.
Only what stands between a block's marks in docs/bench.md is replaced.
"""

from __future__ import annotations

import json
import textwrap
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import click
from saved import replaced
from sizes import CONTENDERS, SIZES

DOCS = Path(__file__).parents[1] / "docs"
PEERS = ("msrvtt", "coco", "large")
SEARCHES = ("search-msrvtt", "search-coco")
TITLES = {"msrvtt": "1,000 × 1,000", "coco": "25,000 × 5,000", "large": "10,000 × 100,000"}
WIDTH = 110
# What each search is called where it is shown.
GALLERIES = {"search-msrvtt": "1,000 (MSR-VTT 1k-A)", "search-coco": "5,000 (COCO 5k)"}

Found = dict[str, Any]


def read(folder: Path) -> dict[str, Found]:
    """The newest results by name. Raises ClickException unless all are of one run."""
    found = {}
    for name in (*PEERS, "sizes", "grid", *SEARCHES):
        path = max(folder.glob(f"????-??-??-{name}.json"), default=None)
        if path is None:
            raise click.ClickException(f"{folder} has no results of {name}; make bench writes them")
        found[name] = json.loads(path.read_text(encoding="utf-8"))
    days = sorted(date.fromisoformat(one["day"]) for one in found.values())
    machines = {
        json.dumps({**one["machine"], "load_average": None}, sort_keys=True)
        for one in found.values()
    }
    # A run may pass midnight.
    if len(machines) > 1 or days[-1] - days[0] > timedelta(days=1):
        raise click.ClickException(f"the newest results in {folder} are of several runs")
    return found


def about(found: dict[str, Found]) -> list[str]:
    """On what it was measured, and by which versions."""
    one = found["coco"]
    machine = one["machine"]
    busy = max(result["machine"]["load_average"] for result in found.values())
    listed = ", ".join(f"{name} {number}" for name, number in machine["versions"].items() if number)
    return textwrap.wrap(
        f"Measured on {one['day']} in one run: {machine['processor']}, {machine['cores']} cores "
        f"({', '.join(machine['instructions'])}), {machine['memory_gib']} GiB, "
        f"{machine['system']}; load average at most {busy:.1f}. Versions: {listed}.",
        WIDTH,
    )


def seconds(value: float | None) -> str:
    """Seconds as three figures."""
    if value is None:
        return "–"
    return f"{value:.3f}" if value < 1 else f"{value:.2f}" if value < 10 else f"{value:.1f}"


def peers(found: dict[str, Found]) -> list[str]:
    """Every contender at every shape: the median of its seconds, times of cmr fp32, and memory."""
    rows = {name: {row["contender"]: row for row in found[name]["rows"]} for name in PEERS}
    heads = "".join(f" {TITLES[name]}, s | × fp32 | MiB |" for name in PEERS)
    lines = ["| |" + heads, "|---|" + "---:|---:|---:|" * len(PEERS)]
    for contender in dict.fromkeys(name for one in rows.values() for name in one):
        cells = ""
        for name in PEERS:
            row = rows[name].get(contender)
            shown = (
                (seconds(row["median_s"]), f"{row['times_cmr_fp32']:g}", f"{row['peak_mib']:,}")
                if row
                else ("–", "–", "–")
            )
            cells += "".join(f" {text} |" for text in shown)
        bold = "**" if contender == "cmr fp32" else ""
        lines.append(f"| {bold}{contender}{bold} |{cells}")
    return lines


def sizes(found: dict[str, Found]) -> list[str]:
    """Seconds against size."""
    rows = {(row["size"], row["contender"]): row["median_s"] for row in found["sizes"]["rows"]}
    lines = ["| n × n |" + "".join(f" {size:,} |" for size in SIZES)]
    lines.append("|---|" + "---:|" * len(SIZES))
    for name in CONTENDERS:
        lines.append(f"| {name} |" + "".join(f" {seconds(rows[size, name])} |" for size in SIZES))
    return lines


def grid(found: dict[str, Found]) -> list[str]:
    """The published grid, by cmr and by the published loop."""
    mine, loop = found["grid"]["rows"]
    return textwrap.wrap(
        f"3 dimensions × 3 precisions × 5 C × 2 directions at the COCO shape: cmr takes "
        f"{mine['seconds']} s, including `full` and `expected`, the published loop "
        f"{loop['seconds']} s, {loop['times']} times as long.",
        WIDTH,
    )


def searches(found: dict[str, Found]) -> list[str]:
    """The top 10 of a gallery by every searcher."""
    lines = [
        "| gallery | | found | build, s | batch, µs a query | one query, p50 µs | p99 |",
        "|---|---|---:|---:|---:|---:|---:|",
    ]
    for name in SEARCHES:
        for number, row in enumerate(found[name]["rows"]):
            place = "" if number else GALLERIES[name]
            lines.append(
                f"| {place} | {row['contender']} | {row['found']:.3f} | {row['build_s']:.3f} "
                f"| {row['batch_us_a_query']} | {row['p50_us']:.0f} | {row['p99_us']:.0f} |"
            )
    return lines


def draw(found: dict[str, Found], path: Path) -> None:
    """Seconds against size, both axes logarithmic."""
    import matplotlib as mpl

    mpl.use("svg")
    from matplotlib import pyplot as plt
    from matplotlib.ticker import FixedLocator, NullLocator, StrMethodFormatter

    rows = {(row["size"], row["contender"]): row["median_s"] for row in found["sizes"]["rows"]}
    with mpl.rc_context({"svg.hashsalt": "cmr", "font.size": 9}):
        figure, axes = plt.subplots(figsize=(6.4, 3.6), layout="constrained")
        for name, marker in zip(CONTENDERS, "os^Dv", strict=True):
            axes.plot(
                SIZES,
                [rows[size, name] for size in SIZES],
                marker=marker,
                markersize=4,
                linewidth=2 if name.startswith("cmr") else 1,
                label=name,
            )
        axes.set(xscale="log", yscale="log", xlabel="n texts × n visuals, 512 dimensions")
        axes.set_ylabel("seconds, both directions")
        axes.xaxis.set_major_locator(FixedLocator(SIZES))
        axes.xaxis.set_minor_locator(NullLocator())
        axes.xaxis.set_major_formatter(StrMethodFormatter("{x:,.0f}"))
        axes.yaxis.set_major_formatter(StrMethodFormatter("{x:g}"))
        axes.grid(which="major", color="#dddddd", linewidth=0.5)
        axes.spines[["top", "right"]].set_visible(False)
        axes.legend(frameon=False)
        figure.savefig(path, metadata={"Date": None})
        plt.close(figure)


BLOCKS = {"about": about, "peers": peers, "sizes": sizes, "grid": grid, "searches": searches}


@click.command()
@click.option("--results", default="bench/results", type=click.Path(path_type=Path))
def main(results: Path) -> None:
    """Rewrite the figures of docs/bench.md."""
    found = read(results)
    path = DOCS / "bench.md"
    page = path.read_text(encoding="utf-8")
    for name, block in BLOCKS.items():
        lines = "\n".join(["", *block(found), ""])
        page = replaced(page, f"<!-- {name}: bench/document.py -->", f"<!-- /{name} -->", lines)
    path.write_text(page, encoding="utf-8")
    draw(found, DOCS / "bench.svg")


if __name__ == "__main__":
    main()
