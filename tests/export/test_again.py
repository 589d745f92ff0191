"""What is exported is read again: the same items, captions, judgments, vectors and counts."""

from __future__ import annotations

import json

import numpy as np
import pytest

import cmr as package
from cmr.cli.main import main
from cmr.export import hf_format
from cmr.export.formats import OWN, get
from cmr.sources.npyfile import load_npy
from cmr.sources.trecids import decoded, encoded, need_encoding
from tests.conftest import unanswered
from tests.export.conftest import run

pytestmark = pytest.mark.slow

TEXTS, VISUALS, DIM = 48, 16, 12
# Ids in which white space, %, quotes, separators and look-alikes of numbers and nulls are met.
ODD = ["a b", "a%20b", "a%2520b", "007", "7", "NULL", "x,y;z|w", '"q"', "ünï 🦊", "tab\there",
       "two\nlines", "a\rb", "\ufeffmark", "nb\xa0sp", "ls\u2028", "[1]", "#", "100%"]  # fmt: skip
CAPTIONS = ['["a", "b"]', " spaced ", "two\nlines", "a\rb\ttab", '"quoted", twice', "{'raw': 1}"]


def ids(number):
    return [f"{ODD[n % len(ODD)]}{n if n >= len(ODD) else ''}" for n in range(number)]


def made(folder, judged):
    """A warehouse of which `judged` says the pairs, with every oddity of ids and captions."""
    rng = np.random.default_rng(3)
    visuals = rng.standard_normal((VISUALS, DIM)).astype(np.float32)
    texts = visuals[[row[1] for row in judged if row[3]]]
    texts = (texts + rng.standard_normal((TEXTS, DIM))).astype(np.float32)
    np.save(folder / "t.npy", texts)
    np.save(folder / "v.npy", visuals)
    rows = "".join(f"{t},{v},{grade}\n" for t, v, grade, _ in judged)
    (folder / "pairs.csv").write_text("text,visual,relevance\n" + rows)
    told = [CAPTIONS[n] if n < len(CAPTIONS) else f"caption {n}" for n in range(TEXTS - 1)]
    for name, values in (
        ("ti", ids(TEXTS)), ("vi", ids(VISUALS)), ("c", [*told, None]),
    ):  # fmt: skip
        (folder / f"{name}.json").write_text(json.dumps(values))
    run("ingest", "arrays", "--texts", folder / "t.npy", "--visuals", folder / "v.npy",
        "--pairs", folder / "pairs.csv", "--text-ids", folder / "ti.json", "--visual-ids",
        folder / "vi.json", "--captions", folder / "c.json", "--dataset", "d", "-w",
        folder / "w", "--model-name", "m")  # fmt: skip
    with unanswered():
        run("evaluate", "-w", folder / "w", *_EVALUATE)
    return folder / "w"


_EVALUATE = ("--dims", DIM, "--precisions", "fp32", "--protocols", "full", "--k", "1,5")


@pytest.fixture(scope="module")
def plain(tmp_path_factory):
    """One visual a text, and every visual has one: what all layouts can hold."""
    judged = [(n, n % VISUALS, 1, True) for n in range(TEXTS)]
    return made(tmp_path_factory.mktemp("plain"), judged)


@pytest.fixture(scope="module")
def graded(tmp_path_factory):
    """Two visuals for every other text, with grades."""
    judged = []
    for n in range(TEXTS):
        judged.append((n, n % VISUALS, 1 + n % 3, True))
        if n % 2:
            judged.append((n, (n + 5) % VISUALS, 1, False))
    return made(tmp_path_factory.mktemp("graded"), judged)


def content(root):
    """Items, judgments, vectors and counts by id, in any order."""
    wh = package.open(str(root))

    def rows(query):
        return wh.sql(query).arrow().to_pylist()

    vectors = {}
    for side in ("text", "visual"):
        one = wh.embeddings(modality=side, precision="fp32")
        vectors[side] = dict(zip(one.ids, one.floats(), strict=True))
    return {
        "items": rows("select modality, item_id, text from items order by all"),
        "judgments": rows("select text_id, visual_id, relevance from qrels order by all"),
        "counts": rows(
            "select direction, query_id, item_id, relevance, above, tied, relevants_above, "
            "relevants_tied, relevants, ranks.gallery from ranks join runs using (run_id) "
            "order by all"
        ),
    }, vectors


def assert_same(mine, theirs):
    told, vectors = content(mine)
    again, others = content(theirs)
    assert told == again
    assert len(told["counts"]) >= 2 * TEXTS
    for side, by_id in vectors.items():
        assert by_id.keys() == others[side].keys()
        for name, vector in by_id.items():
            np.testing.assert_allclose(vector, others[side][name], rtol=0, atol=1e-7)


def ingested(tmp_path, *command):
    root = tmp_path / "again"
    run("ingest", *command, "--dataset", "d", "--model-name", "m", "-w", root)
    with unanswered():
        run("evaluate", "-w", root, *_EVALUATE)
    return root


def npz_again(plain, graded, tmp_path):
    run("export", "npz", "-w", plain, "-o", tmp_path / "x.npz")
    assert_same(plain, ingested(tmp_path, "npz", tmp_path / "x.npz"))


def clip_retrieval_again(plain, graded, tmp_path):
    run("export", "clip-retrieval", "-w", graded, "--dtype", "float32", "-o", tmp_path / "x")
    assert_same(graded, ingested(tmp_path, "clip-retrieval", tmp_path / "x"))


def fbin_again(plain, graded, tmp_path):
    x = tmp_path / "x"
    run("export", "fbin", "-w", graded, "-o", x)
    command = ("arrays", "--texts", x / "texts.fbin", "--visuals", x / "visuals.fbin", "--pairs",
               x / "pairs.csv", "--text-ids", x / "texts.csv", "--visual-ids", x / "visuals.csv",
               "--captions", x / "texts.csv")  # fmt: skip
    assert_same(graded, ingested(tmp_path, *command))


def hf_again(plain, graded, tmp_path):
    run("export", "hf", "-w", graded, "-o", tmp_path / "x")
    columns = ("--image-vectors", "embedding", "--text-vectors", "embedding")
    assert_same(graded, ingested(tmp_path, "hf", tmp_path / "x", *columns))


def judgments_again(root, path, name):
    """Read as further judgments, they are the data set's own."""
    run("ingest", "qrels", path, "-w", root, "--name", name, "--direction", "t2v")
    wh = package.open(str(root))
    pairs = "select text_id, visual_id, relevance from"
    own = wh.sql(f"{pairs} qrels order by all").arrow().to_pylist()
    there = wh.sql(f"{pairs} extra_qrels where qrels = '{name}' order by all").arrow()
    assert there.to_pylist() == own


def trec_again(plain, graded, tmp_path):
    run("export", "trec", "-w", graded, "--direction", "t2v", "-o", tmp_path / "x")
    assert "a%2520b" in (tmp_path / "x/qrels.txt").read_text()
    judgments_again(graded, tmp_path / "x/qrels.txt", "trec")


def ranx_again(plain, graded, tmp_path):
    run("export", "ranx", "-w", graded, "--direction", "t2v", "-o", tmp_path / "x")
    judgments_again(graded, tmp_path / "x/qrels.parquet", "ranx")


def table_again(form, ending):
    def again(plain, graded, tmp_path):
        path = tmp_path / f"x.{ending}"
        run("export", form, "qrels", "-w", graded, "-o", path)
        judgments_again(graded, path, form)
        if form == "json":
            lines = tmp_path / "x.jsonl"
            run("export", form, "qrels", "--lines", "-w", graded, "-o", lines)
            judgments_again(graded, lines, "lines")

    return again


AGAIN = {
    "npz": npz_again,
    "clip-retrieval": clip_retrieval_again,
    "fbin": fbin_again,
    "hf": hf_again,
    "trec": trec_again,
    "ranx": ranx_again,
    "parquet": table_again("parquet", "parquet"),
    "csv": table_again("csv", "csv"),
    "arrow": table_again("arrow", "arrow"),
    "json": table_again("json", "json"),
}
# These hold figures, lists or places in the plane, and no data set.
ONE_WAY = {"duckdb", "mteb", "clip-benchmark", "ann-hdf5", "embedding-atlas"}


def test_every_format_says_whether_it_comes_back():
    assert {*AGAIN, *ONE_WAY} == set(OWN)
    assert not ONE_WAY & set(AGAIN)
    for name in OWN:
        command = get(name).again
        assert bool(command) == (name in AGAIN)
        assert not command or command.split()[:2] == ["cmr", "ingest"]
        assert not command or command.split()[2] in main.get_command(None, "ingest").list_commands(
            None
        )


@pytest.mark.parametrize("form", AGAIN)
def test_what_is_exported_is_read_again(plain, graded, tmp_path, form):
    AGAIN[form](plain, graded, tmp_path)


def test_ids_of_trec_are_spelt_exactly():
    for name in [*ODD, "%", "%25", "é%", "\x1f", "\x85", "%zz"]:
        assert decoded(encoded(name)) == name
        assert encoded(name).split() == [encoded(name)]
        assert need_encoding([name]) == (encoded(name.replace("%", "")) != name.replace("%", ""))


@pytest.mark.parametrize(("spaced", "meant"), [(True, ["100%", "a b"]), (False, ["100%", "a%20b"])])
def test_trec_ids_with_a_percent_sign(tmp_path, spaced, meant):
    """Where a file may be read in both ways, ids are decoded if cmr would have encoded them."""
    names = ["a%20b", "100%", *(["a b"] if spaced else ["c"])]
    vectors = np.eye(3, dtype=np.float32)
    package.open(str(tmp_path / "w"), create=True).ingest_arrays(
        vectors, vectors, None, dataset="d", model="m", text_ids=names, visual_ids=["x", "y", "z"]
    )
    path = tmp_path / "q.txt"
    path.write_text("100% 0 x 1\na%20b 0 y 1\n")
    run("ingest", "qrels", path, "-w", tmp_path / "w", "--name", "raw")
    query = "select text_id from extra_qrels order by all"
    found = package.open(str(tmp_path / "w")).sql(query).arrow().to_pylist()
    assert [row["text_id"] for row in found] == meant


def test_shards_of_an_export_sort_as_their_numbers(graded, tmp_path, monkeypatch):
    """Twelve shards are padded as clip-retrieval pads them; hf has as many as their names say."""
    monkeypatch.setattr("cmr.export.clipretrieval_format.SHARD", 6)
    monkeypatch.setattr(hf_format, "SHARD", 13)
    monkeypatch.setattr(hf_format, "_STEP", 20)
    options = ("--dtype", "float32", "-o", tmp_path / "c")
    run("export", "clip-retrieval", "-w", graded, *options)
    names = sorted(path.name for path in (tmp_path / "c/img_emb").iterdir())
    assert names == [f"img_emb_{n:02}.npy" for n in range(12)]
    assert [len(load_npy(str(tmp_path / "c/text_emb" / name.replace("img", "text"))))
            for name in names] == [6] * 12  # fmt: skip
    run("export", "hf", "-w", graded, "-o", tmp_path / "h")
    names = sorted(path.name for path in (tmp_path / "h/texts").iterdir())
    assert names == [f"test-{n:05}-of-00004.parquet" for n in range(4)]
    for command in (
        ("clip-retrieval", tmp_path / "c"),
        ("hf", tmp_path / "h", "--image-vectors", "embedding", "--text-vectors", "embedding"),
    ):
        root = tmp_path / command[0]
        run("ingest", *command, "--dataset", "d", "--model-name", "m", "-w", root)
        counted = "select text_id, visual_id, relevance from qrels order by all"
        mine, theirs = (package.open(str(one)).sql(counted).arrow() for one in (graded, root))
        assert mine == theirs
    (tmp_path / "h/texts" / names[2]).unlink()
    said = run("ingest", *command, "-w", tmp_path / "none", code=1).stderr
    assert "test-00002-of-00004.parquet, though names say that there are 4" in said
