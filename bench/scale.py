"""The constants of docs/scale.md, the model built from them, and a simulation of stragglers.

    python bench/scale.py measure     speed, Parquet, store, Ray's cost per task and its overhead;
                                      texts, visuals and rounds may follow, here and below
    python bench/scale.py overhead    only local and Ray on all cores, for a long job
    python bench/scale.py model       what 10^6 to 10^9 items cost on 1 to 100 GPUs
    python bench/scale.py stragglers  how long the last task takes, by tasks per slot

`measure` writes a dated file into bench/results; things that are compared take turns.
"""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from dataclasses import replace
from pathlib import Path

import numba
import numpy as np
import torch
from peers import Cmr, make_vectors, silent
from saved import save

from cmr.engine.grid import GPU_RATE, choose
from cmr.pipeline.evaluate import begin, evaluate
from cmr.pipeline.request import Request
from cmr.pipeline.sharded import evaluate_in_tasks
from cmr.warehouse.vectors import StoredVectors

DIM = 512
REQUEST = Request(dims=(DIM,), precisions=("int8",), protocols=("full", "expected"),
                  candidates=(100,), device="cpu")  # fmt: skip
# A GPU's int8 products and reads, from its data sheet (H100 SXM, dense): assumed, not measured.
GPU_OPS, GPU_USED = 1.979e15, 0.3
STORE_BYTES = 1e9
TASK_COST, ROW_COST = 0.01, 1e-7
# Tasks of the representation on which engines are compared.
TASKS = 8


def timed(work) -> float:
    clock = time.perf_counter()
    work()
    return time.perf_counter() - clock


def measure(texts: int, visuals: int, rounds: int) -> dict[str, object]:
    with tempfile.TemporaryDirectory() as scratch:
        made = Cmr.make(Path(scratch), *make_vectors(texts, visuals), precisions=())
        sets = begin(made.root, REQUEST, silent).cases
        found: dict[str, object] = {"texts": texts, "visuals": visuals, "dim": DIM}
        found |= parquet(made.root, sets[0].made.visual)
        found |= store()
        found |= engines(made.root, rounds)
    return found


def parquet(root: str, row: dict[str, object]) -> dict[str, object]:
    """Bytes per second for reading a stored set, decoded into a block."""
    from cmr.warehouse.store import Store

    stored = StoredVectors(Store.open(root), row)
    size = stored.rows * row["vector_bytes"]
    took = [timed(lambda: [None for _ in stored.blocks(8192)]) for _ in range(5)]
    return {"parquet_read_bytes_per_s": size / statistics.median(took)}


def store() -> dict[str, object]:
    """The same over HTTP from moto's S3 server on loopback, and requests per second."""
    import socket
    import urllib.request

    from cmr.warehouse.storage import Storage

    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        port = one.getsockname()[1]
    command = [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(port)]
    server = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    url = f"http://127.0.0.1:{port}"
    os.environ |= {"AWS_ENDPOINT_URL": url, "AWS_ACCESS_KEY_ID": "k",
                   "AWS_SECRET_ACCESS_KEY": "s", "AWS_DEFAULT_REGION": "us-east-1"}  # fmt: skip
    try:
        for _ in range(200):
            try:
                urllib.request.urlopen(urllib.request.Request(f"{url}/bench", method="PUT"))
                break
            except OSError:
                time.sleep(0.2)
        there = Storage("s3://bench/w")
        data = os.urandom(64 * 2**20)
        write = timed(lambda: there.write_bytes("big", data))
        read = timed(lambda: there.read_bytes("big"))
        small = timed(lambda: there.each(lambda n: there.write_bytes(f"s/{n}", b"x"), range(200)))
    finally:
        server.terminate()
        server.wait()
    return {
        "moto_write_bytes_per_s": len(data) / write,
        "moto_read_bytes_per_s": len(data) / read,
        "moto_requests_per_s": 200 / small,
    }


def overhead(texts: int, visuals: int, rounds: int) -> dict[str, object]:
    """What `--engine ray` costs beyond its start, with its default number of tasks."""
    with tempfile.TemporaryDirectory() as scratch:
        made = Cmr.make(Path(scratch), *make_vectors(texts, visuals), precisions=())
        begin(made.root, REQUEST, silent)
        found: dict[str, object] = {"texts": texts, "visuals": visuals, "dim": DIM}
        return found | engines(made.root, rounds, (2,), None)


def engines(
    root: str, rounds: int, counts: tuple[int, ...] = (1, 2), tasks: int | None = TASKS
) -> dict[str, object]:
    """Local with one and two threads, Ray with one and two workers, in turns, on the same work."""
    import ray

    from cmr.engine.ray_tasks import run

    os.environ.setdefault("RAY_AUTH_MODE", "disabled")
    again = replace(REQUEST, force=True)

    def local(threads: int) -> None:
        torch.set_num_threads(threads)
        numba.set_num_threads(threads)
        evaluate(root, again, silent)

    def on_ray() -> None:
        evaluate_in_tasks(
            root, again, silent, lambda works: run(ray, works, tasks, lambda state: None)
        )

    def warm() -> None:
        """What a worker imports and compiles once."""

    start: dict[int, float] = {}
    took: dict[str, list[float]] = {}
    cost = 0.0
    if len(counts) > 1:
        local(2)
    for turn in range(rounds):
        # One worker and one thread only serve for the speed-up, and take longest.
        for count in counts if turn == 0 else (2,):
            mine = took.setdefault(f"local, {count} threads", [])
            mine.append(timed(lambda n=count: local(n)))
            start[count] = timed(
                lambda n=count: ray.init(num_cpus=n, log_to_driver=False, logging_level="error")
            )
            ready, empty = ray.remote(warm), ray.remote(lambda: None)
            ray.get([ready.remote() for _ in range(20)])
            cost = timed(lambda e=empty: ray.get([e.remote() for _ in range(500)])) / 500
            took.setdefault(f"ray, {count} workers", []).append(timed(on_ray))
            ray.shutdown()
        print({name: [round(one, 1) for one in all_] for name, all_ in took.items()}, flush=True)
    middle = {name: statistics.median(all_) for name, all_ in took.items()}
    found: dict[str, object] = {"seconds": took, "ray_start_s": start[2], "ray_task_s": cost}
    found["ray_2_over_local_2"] = middle["ray, 2 workers"] / middle["local, 2 threads"]
    if 1 in counts:
        found["local_1_to_2"] = middle["local, 1 threads"] / middle["local, 2 threads"]
        found["ray_1_to_2"] = middle["ray, 1 workers"] / middle["ray, 2 workers"]
    return found


def model() -> None:
    """Rows of docs/scale.md: one int8 representation, both directions, 10^5 queries."""
    queries = 1e5
    print("| gallery | GPUs | tasks | operations | bytes read | partial rows | seconds, about |")
    print("|---|---|---|---|---|---|---|")
    for items in (1e6, 1e7, 1e8, 1e9):
        for gpus in (1, 10, 100):
            work = 2 * queries * items * DIM
            seconds = work / (GPU_OPS * GPU_USED)
            tasks = choose(int(queries), int(items), DIM, gpus, GPU_RATE)
            # Cut along the gallery: each task reads its shard and all queries.
            read = items * DIM + tasks * queries * DIM
            # A query's pair is in every task; a judged item's pair is in one.
            rows = queries * tasks + queries
            used = min(gpus, tasks)
            seconds = max(seconds, read / STORE_BYTES) / used + tasks * TASK_COST + rows * ROW_COST
            cells = f"10^{np.log10(items):.0f} | {gpus} | {tasks} | {work:.0e} | {read:.1e}"
            print(f"| {cells} | {rows:.0e} | {seconds:,.0f} |")


def stragglers(slots: int = 100, work: float = 600.0, overhead: float = 0.5) -> None:
    """Makespan over the ideal if tasks vary and one slot in twenty is three times slower."""
    rng = np.random.default_rng(0)
    print("| tasks a slot | seconds a task | makespan over ideal | worst of 200 |")
    print("|---|---|---|---|")
    for many in (1, 2, 4, 8, 16, 32, 64, 128, 256):
        ratios = []
        for _ in range(200):
            slow = np.where(rng.random(slots) < 0.05, 3.0, 1.0)
            free = np.zeros(slots)
            for length in work / many * rng.lognormal(0, 0.2, slots * many):
                at = int(free.argmin())
                free[at] += length * slow[at] + overhead
            ratios.append(free.max() / work)
        print(f"| {many} | {work / many:.1f} | {np.mean(ratios):.2f} | {max(ratios):.2f} |")


def main() -> None:
    what = sys.argv[1] if len(sys.argv) > 1 else "measure"
    if what == "model":
        model()
    elif what == "stragglers":
        stragglers()
    else:
        texts, visuals, rounds = (int(one) for one in (*sys.argv[2:], 20_000, 200_000, 3)[:3])
        found = (overhead if what == "overhead" else measure)(texts, visuals, rounds)
        save(Path(__file__).parent / "results", f"scale-{what}", found)
        print(json.dumps(found, indent=1))


if __name__ == "__main__":
    main()
