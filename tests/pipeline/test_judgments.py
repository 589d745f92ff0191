"""`cmr ingest qrels` and `cmr evaluate --qrels`: formats, directions, and what is refused."""

from __future__ import annotations

import json

import numpy as np
import pytest

from cmr.views import connect
from tests.conftest import snapshot
from tests.reference import counts

EVALUATE = ("--dims", "12", "--precisions", "fp32", "--candidates", "10", "--k", "1,5")


@pytest.fixture
def data(cmr, tmp_path):
    """40 texts and 20 visuals with random vectors, in a warehouse; text i belongs to i // 2."""
    rng = np.random.default_rng(3)
    truth = np.arange(40) // 2
    visuals = rng.standard_normal((20, 12)).astype(np.float32)
    texts = (visuals[truth] + rng.standard_normal((40, 12))).astype(np.float32)
    path = tmp_path / "data.npz"
    np.savez(path, text_12=texts, video_12=visuals, ground_truth=truth)
    root = tmp_path / "w"
    cmr("ingest", "npz", path, "-w", root, "--dataset", "d")
    unit = [x / np.linalg.norm(x, axis=1, keepdims=True) for x in (texts, visuals)]
    return root, unit[0].astype(np.float64) @ unit[1].astype(np.float64).T


def judged(seed, texts=range(0, 40, 3), grades=(1,)):
    """{(text, visual): relevance}, several visuals a text."""
    rng = np.random.default_rng(seed)
    return {
        (int(text), int(visual)): int(rng.choice(grades))
        for text in texts
        for visual in rng.choice(20, rng.integers(1, 5), replace=False)
    }


def ranks(root, name, direction):
    rows = connect(str(root)).execute(
        "select query_id::int, item_id::int, relevance, above, tied, relevants_above, relevants "
        "from ranks semi join (from runs where qrels = ? and direction = ?) using (run_id)",
        [name, direction],
    )
    return {row[:2]: row[2:] for row in rows.fetchall()}


def expected(scores, pairs):
    """The same by the plain matrix; `pairs` are (query, item)."""
    relevance = np.zeros(scores.shape, dtype=int)
    for pair, grade in pairs.items():
        relevance[pair] = grade
    found = counts.count(scores, relevance > 0, True)
    where = zip(*np.nonzero(relevance), strict=True)
    return {
        (int(q), int(i)): (relevance[q, i], above, tied, r_above, int((relevance[q] > 0).sum()))
        for (q, i), (above, tied, r_above, _) in zip(where, found.tolist(), strict=True)
    }


def write(tmp_path, pairs, form):
    rows = [(str(t), str(v), grade) for (t, v), grade in pairs.items()]
    path = tmp_path / f"judged.{form}"
    if form == "trec":
        path.write_text("".join(f"{t} 0 {v} {grade}\n" for t, v, grade in rows))
    elif form == "csv":
        path.write_text(
            "text_id,visual_id,relevance\n" + "".join(f"{t},{v},{g}\n" for t, v, g in rows)
        )
    elif form == "tsv":
        lines = "".join(f"{t}\t{v}\t{g}\n" for t, v, g in rows)
        path.write_text(f"query-id\tcorpus-id\tscore\n{lines}")
    else:
        import polars as pl

        columns = dict(zip(("q_id", "doc_id", "score"), zip(*rows, strict=True), strict=True))
        pl.DataFrame(columns).write_parquet(path)
    return path


@pytest.mark.parametrize("form", ["trec", "tsv", "parquet"])
def test_every_format_stores_the_same(cmr, data, tmp_path, form):
    pairs = judged(1, grades=(1, 2))
    cmr(
        "ingest", "qrels", write(tmp_path, pairs, form), "-w", data[0], "--name", "more",
        "--direction", "t2v",
    )  # fmt: skip
    stored = connect(str(data[0])).execute(
        "select text_id::int, visual_id::int, relevance from extra_qrels where qrels = 'more'"
    )
    assert sorted(stored.fetchall()) == sorted((*pair, grade) for pair, grade in pairs.items())


@pytest.mark.slow
@pytest.mark.usefixtures("no_answer")
def test_judgments_both_ways(cmr, data, tmp_path):
    root, scores = data
    pairs = judged(1, grades=(1, 2))
    path = write(tmp_path, pairs, "csv")
    said = cmr("ingest", "qrels", path, "-w", root, "--name", "more").stderr
    assert f"{len(pairs):,} judgments 'more'" in said
    cmr("evaluate", "-w", root, *EVALUATE)
    cmr("evaluate", "-w", root, "--qrels", "more", *EVALUATE)
    assert ranks(root, "more", "t2v") == expected(scores, pairs)
    turned = {(v, t): grade for (t, v), grade in pairs.items()}
    assert ranks(root, "more", "v2t") == expected(scores.T, turned)
    assert len(ranks(root, "default", "t2v")) == 40
    cmr("doctor", "-w", root)
    con = connect(str(root))
    shown = con.execute("select distinct qrels, queries from metrics where direction = 't2v'")
    assert set(shown.fetchall()) == {("default", 40), ("more", 14)}
    kinds = con.execute("select qrels, count(distinct run_id) from metrics group by qrels")
    assert dict(kinds.fetchall()) == {"default": 2, "more": 2}
    again = cmr("ingest", "qrels", path, "-w", root, "--name", "more")
    assert "already there" in again.stderr


@pytest.mark.slow
@pytest.mark.usefixtures("no_answer")
def test_a_file_a_direction(cmr, data, tmp_path):
    """As eccv_caption has them: each file speaks for the queries of its own direction."""
    root, scores = data
    there, back = judged(1), judged(2, texts=range(1, 40, 7))
    maps = {"caption_to_image.json": {}, "image_to_caption.json": {}}
    for text, visual in there:
        maps["caption_to_image.json"].setdefault(str(text), []).append(visual)
    for text, visual in back:
        maps["image_to_caption.json"].setdefault(str(visual), []).append(text)
    paths = []
    for name, held in maps.items():
        paths.append(tmp_path / name)
        paths[-1].write_text(json.dumps(held))
    # Texts are called 0 to 39 and visuals 0 to 19, but only one way fits most rows of a file.
    cmr("ingest", "qrels", *paths, "-w", root, "--name", "eccv")
    cmr("evaluate", "-w", root, "--qrels", "eccv", *EVALUATE)
    assert ranks(root, "eccv", "t2v") == expected(scores, there)
    turned = {(v, t): grade for (t, v), grade in back.items()}
    assert ranks(root, "eccv", "v2t") == expected(scores.T, turned)
    cmr("doctor", "-w", root)


@pytest.mark.slow
@pytest.mark.usefixtures("no_answer")
def test_one_direction_alone(cmr, data, tmp_path):
    root, scores = data
    pairs = judged(4)
    path = write(tmp_path, pairs, "trec")
    cmr("ingest", "qrels", path, "-w", root, "--name", "one", "--direction", "t2v", "--one-way")
    refused = cmr("evaluate", "-w", root, "--qrels", "one", "--directions", "v2t", code=1)
    assert "lack v2t" in refused.stderr
    cmr("evaluate", "-w", root, "--qrels", "one", *EVALUATE)
    assert ranks(root, "one", "t2v") == expected(scores, pairs)
    assert not ranks(root, "one", "v2t")


@pytest.mark.usefixtures("no_answer")
def test_relevance_zero_is_left_out(cmr, data, tmp_path):
    root, scores = data
    path = tmp_path / "q.trec"
    path.write_text("0 0 3 1\n0 0 4 0\n1 0 5 -1\n2 0 7 2\n\n")
    said = cmr("ingest", "qrels", path, "-w", root, "--direction", "t2v").stderr
    assert "2 with relevance 0 or less" in said
    cmr("evaluate", "-w", root, "--qrels", "q", *EVALUATE)
    assert ranks(root, "q", "t2v") == expected(scores, {(0, 3): 1, (2, 7): 2})


def test_items_that_are_not_there(cmr, data, tmp_path):
    root, _ = data
    path = tmp_path / "q.csv"
    rows = [f"{n % 40},{n % 20}" for n in range(40)]
    path.write_text("text_id,visual_id\n" + "\n".join([*rows, "7,99"]) + "\n")
    before = snapshot(root)
    refused = cmr("ingest", "qrels", path, "-w", root, code=1)
    assert "1 of 41 judgments name items that 'd' lacks" in refused.stderr
    assert snapshot(root) == before
    said = cmr("ingest", "qrels", path, "-w", root, "--max-rejects", "0.05").stderr
    assert "listed in the table rejects" in said
    (row,) = connect(str(root)).execute("select * from rejects").fetchall()
    assert "text '7', visual '99'" in row[0]


WRONG = {
    "a.trec": ("1 0 2\n", "line 1 has 3 fields"),
    "run.trec": ("1 Q0 2 1 0.5 tag\n", "which is a run's line"),
    "b.trec": ("1 0 2 high\n", "the relevance 'high'"),
    "c.trec": ("1 0 2 99999\n", "more than 1000"),
    "d.trec": ("", "holds no judgment"),
    "twice.csv": ("text_id,visual_id\n1,2\n1,2\n", "judged twice"),
    "e.csv": ("a,b\n1,2\n", "has neither text_id and visual_id"),
    "f.csv": ("text_id,visual_id\n1,\n", "where an id is expected"),
    "g.json": ("[1, 2]", "expected {query: [items]}"),
    "h.json": ('{"1": 2}', "expected a list of items"),
    "i.json": ('{"1": [true]}', "where an id is expected"),
    "j.json": ("{", "is not a readable JSON file"),
    "k.csv": ("query_id,item_id\nx,y\n", "no row names a text and a visual"),
    "l.csv": ("query_id,item_id\n1,2\n", "--direction t2v or v2t says"),
}


@pytest.mark.parametrize("name", WRONG)
def test_wrong_files(cmr, data, tmp_path, name):
    root, _ = data
    content, says = WRONG[name]
    path = tmp_path / name
    path.write_text(content)
    before = snapshot(root)
    refused = cmr("ingest", "qrels", path, "-w", root, code=1)
    assert says in refused.stderr
    assert refused.stderr.count("\n") == 1
    assert snapshot(root) == before


def test_wrong_names(cmr, data, tmp_path):
    root, _ = data
    path = write(tmp_path, judged(5), "csv")
    assert "choose another" in cmr(
        "ingest", "qrels", path, "-w", root, "--name", "default", code=1
    ).stderr  # fmt: skip
    cmr("ingest", "qrels", path, "-w", root, "--name", "a")
    other = write(tmp_path, judged(6), "csv")
    refused = cmr("ingest", "qrels", other, "-w", root, "--name", "a", code=1)
    assert "other judgments of 'd' under the name 'a'" in refused.stderr
    refused = cmr("evaluate", "-w", root, "--qrels", "b", code=1)
    assert "there are: default, a" in refused.stderr
    refused = cmr("ingest", "qrels", tmp_path / "gone", "-w", root, code=1)
    assert "there is no file" in refused.stderr
