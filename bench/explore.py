"""How long `cmr explore` takes to answer a search, both sides together, as its page waits for it.

    python bench/explore.py [--items 100000] [--dim 512] [--queries 200] [--out bench/results]
        [--keep FOLDER]

Random vectors of so many texts and as many visuals, in a warehouse of their own; the server is a
process of its own with two threads, asked over HTTP by stored items drawn at random, after the
first search of each pair. Each pair of sides is a line, in ms: the server's own times of both
searches, what the client waited, at the median and at the 95th percentile, and the server's CPU
time of an answer, which does not depend on what else the machine does.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from http.client import HTTPConnection
from itertools import pairwise
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

import click
import numpy as np
import psutil
from saved import save

import cmr
from cmr.pipeline.derive import Deriver
from cmr.pipeline.fits import Wanted
from cmr.pipeline.judged_data import find_dataset, item_ids

DATASET = "random"
FORMS = (("native", "fp32"), ("native", "fp16"), ("native", "int8"), ("native", "b1"))


def fill(root: str, items: int, dim: int) -> None:
    """A warehouse of random vectors, in every form that is searched."""
    rng = np.random.default_rng(0)
    visuals = rng.standard_normal((items, dim), dtype=np.float32)
    texts = visuals + rng.standard_normal((items, dim), dtype=np.float32)
    wh = cmr.open(root, create=True)
    wh.ingest_arrays(texts, visuals, dataset=DATASET, model="random")
    data = find_dataset(wh.store, DATASET)
    ids = {side: item_ids(wh.store, data, side) for side in ("text", "visual")}
    deriver = Deriver(wh.store, data, "random", ids)
    for method, precision in FORMS:
        deriver.derive(Wanted(dim, method, precision), 0, ("t2v", "v2t"))
    deriver.derive(Wanted(dim // 2, "pca", "int8"), 0, ("t2v", "v2t"))


@contextlib.contextmanager
def serving(root: str, threads: int) -> Iterator[tuple[str, psutil.Process]]:
    """The address of a server's page, and its process."""
    env = {**os.environ, "OMP_NUM_THREADS": str(threads), "PYTHONUNBUFFERED": "1"}
    command = [sys.executable, "-m", "cmr", "explore", "-w", root, "--no-browser"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=env) as server:
        assert server.stdout is not None
        try:
            yield server.stdout.readline().strip(), psutil.Process(server.pid)
        finally:
            server.send_signal(signal.SIGINT)


class Page:
    """What the page does, without a browser."""

    def __init__(self, address: str) -> None:
        found = urlsplit(address)
        self._headers = {"X-Cmr-Token": parse_qs(found.query)["token"][0]}
        self._at = HTTPConnection(found.netloc, timeout=600)
        self._at.request("GET", f"/?{found.query}")
        html = self._at.getresponse().read().decode()
        options = re.findall(r'<option value="(\w{16})"[^>]*>([^<]+)', html)
        self.choices = {name: key for key, name in options}

    def search(self, a: str, b: str, item: str) -> dict[str, Any]:
        asked = urlencode({"dataset": DATASET, "a": self.choices[a], "b": self.choices[b]})
        headers = {**self._headers, "Content-Type": "application/json"}
        body = json.dumps({"side": "text", "item": item})
        self._at.request("POST", f"/search?{asked}", body, headers)
        found: dict[str, Any] = json.loads(self._at.getresponse().read())
        return found


def measured(
    page: Page, server: psutil.Process, pair: tuple[str, str], asked: list[str]
) -> dict[str, Any]:
    for item in asked[:2]:
        # After the first, what a click in the other direction needs is made ready.
        page.search(*pair, item)
    waited, own = [], []
    before = sum(server.cpu_times()[:2])
    for item in asked:
        clock = time.perf_counter()
        found = page.search(*pair, item)
        waited.append(1000 * (time.perf_counter() - clock))
        own.append([side["ms"] for side in found["sides"]])
    took = sum(server.cpu_times()[:2]) - before
    percentiles = statistics.quantiles(waited, n=20)
    row = {
        "pair": " | ".join(pair),
        "left_p50_ms": statistics.median(left for left, _ in own),
        "right_p50_ms": statistics.median(right for _, right in own),
        "waited_p50_ms": statistics.median(waited),
        "waited_p95_ms": percentiles[-1],
        "cpu_ms": 1000 * took / len(asked),
    }
    print(*(f"{value:.1f}" if isinstance(value, float) else value for value in row.values()))
    return row


@click.command()
@click.option("--items", default=100_000, show_default=True)
@click.option("--dim", default=512, show_default=True)
@click.option("--queries", default=200, show_default=True)
@click.option("--threads", default=2, show_default=True)
@click.option("--keep", help="Folder of the warehouse, which is made if it is not there.")
@click.option("--out", default="bench/results", show_default=True)
def main(items: int, dim: int, queries: int, threads: int, keep: str | None, out: str) -> None:
    drawn = np.random.default_rng(1).integers(0, items, queries)
    with tempfile.TemporaryDirectory() as scratch:
        root = keep or scratch
        if not (Path(root) / "datasets").is_dir():
            fill(root, items, dim)
        with serving(root, threads) as (address, server):
            page = Page(address)
            asked = [str(number) for number in drawn]
            rows = [measured(page, server, pair, asked) for pair in pairwise(page.choices)]
    save(Path(out), "explore", {"items": items, "dim": dim, "queries": queries, "rows": rows})


if __name__ == "__main__":
    main()
