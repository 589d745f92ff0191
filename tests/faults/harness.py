"""A warehouse with a row of every table, what may be asked of it, and how it is asked."""

from __future__ import annotations

import csv
import os
import re
import shutil
from urllib.parse import unquote

import numpy as np
import pyarrow as pa
from click.testing import CliRunner

from cmr.cli.main import main
from cmr.warehouse.schemas import EMBEDDING_SETS, FRAMES
from cmr.warehouse.store import Store
from tests.conftest import npz_arrays

# `make test` runs a sample of fixed seed, CMR_FAULTS=all everything, CMR_FAULTS=NUMBER that share
# of everything: 0.2 a fifth.
ASKED = os.environ.get("CMR_FAULTS", "")
ALL = bool(ASKED)
SHARE = 1.0 if ASKED in ("", "all") else float(ASKED)

GRID = (
    "--dims", "16", "--precisions", "fp32,int8", "--candidates", "20", "--hits", "3",
    "--directions", "t2v",
)  # fmt: skip
JUDGED = (
    "--dims", "16", "--precisions", "fp32", "--candidates", "20", "--directions", "t2v",
    "--qrels", "judged",
)  # fmt: skip
BENCH = (
    "bench", "--dims", "16", "--precisions", "fp32", "--stages", "single", "--candidates", "20",
    "--singles", "5", "--repeats", "1", "--threads", "1",
)  # fmt: skip
# What may be asked; each is a list of lines, of which damage may take some, saying so.
QUESTIONS = {
    "metrics": "select * from metrics order by all",
    "retention": "select run_id, measure, k, value, retention from retention order by all",
    "runs": "select run_id, dim, precision, queries, gallery, candidates from runs order by all",
    "datasets": "select dataset, texts, visuals, judgments from datasets order by all",
    "hits": "select run_id, query_id, item_id, position from hits order by all",
    "items": "select dataset, modality, item_id, ordinal from items order by all",
    "judgments": "select dataset, qrels, direction, text_id, visual_id, relevance from extra_qrels"
    " order by all",
    "benches": "select dim, precision, stage, candidates, k, repeats from benches order by all",
    "timings": "select run_id, stage, queries from timings order by all",
    "vectors": "select precision, item_id, hash(vector), hash(codes), scale from embeddings"
    " order by all",
    "frames": "select item_id, time, hash(vector) from frames order by all",
}
COMMANDS = {
    **{name: ("sql", query, "--format", "csv") for name, query in QUESTIONS.items()},
    "compare": ("compare", "precision=fp32,qrels=default", "precision=int8"),
    "recommend": ("recommend",),
    "export": ("export", "csv", "leaderboard", "--out", "-"),
    "lists": ("export", "trec", "--run", "precision=int8", "--out", "-"),
    "evaluate": ("evaluate", *GRID),
    "force": ("evaluate", *GRID, "--force"),
    "doctor": ("doctor",),
    "verify": ("warehouse", "verify"),
    "report": ("report",),
}
TABLES = (
    "datasets", "qrels_sets", "embedding_sets", "runs", "benches", "items", "qrels", "extra_qrels",
    "rejects", "embeddings", "frames", "ranks", "sampled_ranks", "hits", "timings", "metrics",
    "anchors", "marker",
)  # fmt: skip
if not ALL:
    TABLES = tuple(table for table in TABLES if table != "benches")


def call(*args):
    """Run the command line in this process; whatever is not told in a sentence is raised."""
    done = CliRunner().invoke(main, [str(arg) for arg in args])
    if done.exception and not isinstance(done.exception, SystemExit):
        raise done.exception
    return done


def well(*args):
    """Run a command that must end well; returns its result."""
    done = call(*args)
    assert done.exit_code == 0, (args, done.stdout, done.stderr)
    return done


def sources(folder):
    """The files that `fill` reads."""
    np.savez(folder / "data.npz", **npz_arrays())
    lines = [f"{text},{(7 * text) % 30},1" for text in range(0, 60, 2)]
    (folder / "judged.csv").write_text("\n".join(["text_id,visual_id,relevance", *lines]) + "\n")


def steps(folder):
    """The commands that make the warehouse, by what they are called."""
    return {
        "ingest": ("ingest", "npz", folder / "data.npz", "--dataset", "d"),
        "judgments": ("ingest", "qrels", folder / "judged.csv", "--dataset", "d"),
        "evaluate": ("evaluate", *GRID),
        "judged": ("evaluate", *JUDGED),
        "bench": BENCH,
    }


def fill(folder, root):
    """A warehouse with rows in every table, and kept figures."""
    sources(folder)
    for name, step in steps(folder).items():
        # A bench takes seconds, which only the whole of the tests has.
        if ALL or name != "bench":
            well(*step, "-w", root)
    add_frames(str(root))
    well("sql", "select count(*) from leaderboard, retention", "-w", root)


def add_frames(root):
    """Vectors of frames beside a set of vectors, as an ingest of clips keeps them."""
    warehouse = Store.open(root)
    row = next(
        row
        for row in warehouse.catalogue(EMBEDDING_SETS)
        if row["modality"] == "visual" and row["parent"] is None and row["dim"] == 16
    )
    frames = [
        {"item_id": "0", "frame": n, "time": float(n), "vector": [float(n)] * 4} for n in range(3)
    ]
    schema = FRAMES.schema
    rows = [{name: one.get(name) for name in schema.names} for one in frames]
    keys = {name: row[name] for name in FRAMES.partitions}
    name = warehouse.write(FRAMES, keys, [pa.Table.from_pylist(rows, schema=schema)])
    warehouse.commit(EMBEDDING_SETS, row["set_id"], {**row, "files": [*row["files"], name]})


def ask(command, root, scratch):
    """What a command of COMMANDS says; the report's figures stand with what it printed."""
    out = ()
    if command == "report":
        shutil.rmtree(scratch / "report", ignore_errors=True)
        out = ("--out", scratch / "report")
    done = call(*COMMANDS[command], *out, "-w", root)
    assert done.exit_code in (0, 1), (done.exit_code, done.stderr)
    said = done.stdout + done.stderr
    assert "Traceback" not in said
    text = done.stdout
    if command == "report" and done.exit_code == 0:
        with (scratch / "report" / "metrics.csv").open() as file:
            text = "\n".join(" ".join(row) for row in csv.reader(file))
    return figures(text), said


def figures(text):
    """Lines, with floats to seven digits: threads add in whatever order they come."""
    return set(
        re.sub(r"\d+\.\d+(e-\d+)?", lambda found: f"{float(found[0]):.7g}", text).splitlines()
    )


def files_of(root, table):
    """The files that may be damaged."""
    if table == "marker":
        return [root / "_cmr_warehouse.json"]
    if table == "anchors":
        return sorted(root.rglob("_anchor.parquet"))
    return sorted(
        path for path in (root / table).rglob("*.parquet") if path.name != "_anchor.parquet"
    )


def is_named(path, said):
    """Whether a sentence names a file, or the row that it is."""
    row = f"{path.parent.name} has no intact row {unquote(path.stem)!r}"
    return path.name in said or row in said
