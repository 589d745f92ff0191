"""Ranked lists of other systems as runs: `cmr ingest run`, held against pytrec_eval and ranx."""

from __future__ import annotations

import json

import lz4.frame
import numpy as np
import pandas
import pytest
import pytrec_eval

import cmr as package
from cmr.errors import CmrError
from cmr.sources.runlists import read_run
from cmr.warehouse.schemas import HITS, RANKS, RUNS
from tests.export.conftest import run
from tests.plain_ranx import plain_ranx

# The judgments and lists of pytrec_eval's own examples and tests, where q2 is graded; d4 and q3 are
# never found.
QRELS = """\
q1 0 d1 0
q1 0 d2 1
q1 0 d3 0
q2 0 d2 1
q2 0 d3 2
q3 0 d4 1
"""
LISTS = """\
q1 Q0 d1 1 1.0 own
q1 Q0 d2 7 0.0 own
q1 Q0 d3 3 1.5 own
q2\tQ0 d1 0 1.5 own

q2 Q0 d2 1 0.2 own
q2 Q0 d3 2 0.5 own
"""
NAMES = {"recall": "recall", "ndcg": "ndcg_cut", "precision": "P", "hit_rate": "success"}


def make(root, queries, items, judged):
    """A data set of these ids with judgments named `graded`, from lines of TREC qrels."""
    rng = np.random.default_rng(0)
    wh = package.open(root, create=True)
    texts, visuals = (rng.standard_normal((len(ids), 4), "f4") for ids in (queries, items))
    wh.ingest_arrays(
        texts, visuals, np.zeros(len(queries), int), dataset="d", model="m", text_ids=queries,
        visual_ids=items,
    )  # fmt: skip
    path = root.parent / "judged.qrels"
    path.write_text(judged)
    run("ingest", "qrels", path, "--name", "graded", "-w", root)
    return wh


@pytest.fixture
def small(tmp_path):
    wh = make(tmp_path / "w", ["q1", "q2", "q3"], ["d1", "d2", "d3", "d4"], QRELS)
    (tmp_path / "own.trec").write_text(LISTS)
    return wh


def theirs(qrels, lists, ks):
    """{(measure, k): mean over all judged queries} by pytrec_eval; a missing list scores 0."""
    judged = pytrec_eval.parse_qrel(qrels.splitlines())
    wanted = {f"{name}.{','.join(map(str, ks))}" for name in NAMES.values()} | {"recip_rank"}
    found = pytrec_eval.RelevanceEvaluator(judged, wanted).evaluate(lists)
    asked = [query for query, grades in judged.items() if any(map(int, grades.values()))]

    def mean(name):
        return sum(found[query][name] for query in asked if query in found) / len(asked)

    return {(measure, k): mean(f"{name}_{k}") for measure, name in NAMES.items() for k in ks} | {
        "mrr": mean("recip_rank")
    }


def check(wh, run_id, expected, longest):
    wanted = {("mrr@k", longest): expected.pop("mrr")} | expected
    # A query for all measures of a K takes as long as for one.
    for k in sorted({k for _, k in wanted}):
        rows = wh.metrics(run_id, protocol="full", k=k).arrow().to_pylist()
        for measure in (measure for measure, of in wanted if of == k):
            found = [row["value"] for row in rows if (row["measure"], row["k"]) == (measure, k)]
            assert found == pytest.approx([wanted[measure, k]], abs=1e-12), (measure, k)


@pytest.mark.slow
def test_pytrec_evals_own_example(small, tmp_path):
    done = run("ingest", "run", tmp_path / "own.trec", "--as", "own", "--qrels", "graded", "-w",
               small.root)  # fmt: skip
    assert "3 queries, up to 3 items each" in done.stderr
    assert "1 queries have no list and count as not answered" in done.stderr
    (row,) = small.store.catalogue(RUNS)
    assert (row["model"], row["scorer"], row["direction"]) == ("own", "imported", "t2v")
    assert {row[name] for name in ("dim", "dim_method", "precision", "vector_bytes")} == {None}
    assert json.loads(row["scorer_settings"])["tag"] == "own"
    ranks = {(r["query_id"], r["item_id"]): r for r in small.store.read(row, RANKS).to_pylist()}
    assert ranks["q1", "d2"]["above"] == 2
    assert ranks["q3", "d4"]["above"] is ranks["q3", "d4"]["tied"] is None
    hits = small.store.read(row, HITS).to_pylist()
    assert [h["item_id"] for h in hits] == ["d3", "d1", "d2", "d1", "d3", "d2"]
    assert [h["position"] for h in hits] == [1, 2, 3] * 2
    lists = pytrec_eval.parse_run(LISTS.replace("\n\n", "\n").splitlines())
    check(small, row["run_id"], theirs(QRELS, lists, (1, 2, 3)), 3)
    # What lies beyond a list is not known.
    beyond = small.metrics(row["run_id"], protocol="full", measure="recall", k=4).arrow()
    assert beyond["value"].to_pylist() == [None]
    assert run("doctor", "-w", small.root).exit_code == 0


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(4))
def test_as_trec_eval_orders_what_ties(tmp_path, seed):
    """Equal scores, float32's among them, graded judgments, ragged lists, other query orders."""
    rng = np.random.default_rng(seed)
    queries, items = [f"q{n}" for n in range(9)], [f"d{n}" for n in range(12)]
    grades = rng.integers(1, 4, (9, 12)) * (rng.random((9, 12)) < 0.3)
    grades[:, 0] = 1
    judged = "".join(
        f"{queries[q]} 0 {items[d]} {grades[q, d]}\n" for q, d in np.ndindex(grades.shape)
    )
    wh = make(tmp_path / "w", queries, items, judged)
    lists = {}
    for query in rng.permutation(queries[:-1]).tolist():
        size = rng.integers(3, 10)
        scores = rng.integers(0, 3, size) / 3 + rng.choice([0, 1e-12], size)
        lists[query] = dict(
            zip(rng.permutation(items)[:size].tolist(), scores.tolist(), strict=True)
        )
    longest = max(map(len, lists.values()))
    path = tmp_path / "run.json"
    path.write_text(json.dumps(lists))
    done = wh.ingest_run(path, "own", qrels="graded")
    assert (done.empty, done.unjudged, done.length) == (1, 0, longest)
    check(wh, done.run_id, theirs(judged, lists, (1, 2, 3)), longest)
    (row,) = wh.store.catalogue(RUNS)
    assert not any(wh.store.read(row, RANKS)["tied"].drop_null().to_pylist())
    # Exported again, ragged as they are, the lists are the same.
    run("export", "trec", "-w", wh.root, "--only", "run", "-o", tmp_path / "out.trec")
    again = pytrec_eval.parse_run((tmp_path / "out.trec").read_text().splitlines())
    assert {q: len(found) for q, found in again.items()} == {q: len(lists[q]) for q in lists}
    assert theirs(judged, again, (1, 2, 3)) == pytest.approx(theirs(judged, lists, (1, 2, 3)))


@pytest.mark.filterwarnings("ignore:The 'future.infer_string'")
def test_the_same_lists_in_every_format(small, tmp_path):
    """One run, whatever wrote the file, and no work the second time."""
    lists = pytrec_eval.parse_run(LISTS.replace("\n\n", "\n").splitlines())
    paths = [tmp_path / "own.trec"]
    # ranx asks for columns of objects, and pandas 3 makes texts of another type.
    with pandas.option_context("future.infer_string", False), plain_ranx() as ranx:
        paths.append(tmp_path / "run.parquet")
        ranx.Run(lists).save(str(paths[-1]))
    # As ranx writes these two, which it cannot while it is not compiled.
    paths += [tmp_path / "run.json", tmp_path / "run.lz4"]
    paths[-2].write_text(json.dumps(lists, indent=2))
    with lz4.frame.open(paths[-1], "wb") as out:
        out.write(json.dumps(lists, indent=2).encode())
    mteb = tmp_path / "T_predictions.json"
    mteb.write_text(
        json.dumps({"mteb_model_meta": {"model_name": "own"}, "default": {"test": lists}})
    )
    table = tmp_path / "run.csv"
    rows = [f"{q},{d},{s}" for q, found in lists.items() for d, s in found.items()]
    table.write_text("\n".join(["query_id,item_id,score", *rows]))
    first, *others = [
        small.ingest_run(path, "own", qrels="graded") for path in [*paths, mteb, table]
    ]
    assert first.new
    assert {(one.run_id, one.new) for one in others} == {(first.run_id, False)}


@pytest.mark.slow
def test_both_directions_compare_and_gate(tmp_path):
    """The lists of an exact run are as good as it, in both directions, also as a gate sees them."""
    rng = np.random.default_rng(1)
    visuals = rng.standard_normal((40, 8), "f4")
    texts = visuals.repeat(2, 0) + rng.standard_normal((80, 8), "f4")
    wh = package.open(tmp_path / "w", create=True)
    ids = [f"a text {n}" for n in range(80)]
    wh.ingest_arrays(texts, visuals, np.arange(80) // 2, dataset="d", model="m", text_ids=ids,
                     visual_ids=[f"v{n}" for n in range(40)])  # fmt: skip
    wh.evaluate(dims=(8, 4), precisions="fp32", protocols="full")
    for way in ("t2v", "v2t"):
        path = tmp_path / f"{way}.trec"
        run("export", "trec", "-w", wh.root, "--dim", 8, "--direction", way, "--top", 12, "--only",
            "run", "-o", path)  # fmt: skip
        assert wh.ingest_run(path, "service").direction == way
    rows = wh.compare("dim=8,precision=fp32", "model=service").arrow().to_pylist()
    known = [row for row in rows if row["measure"] in ("recall", "ndcg", "hit_rate")]
    assert len(known) == 6
    assert {row["difference"] for row in known} == {0.0}
    said = wh.sql("select distinct representation_b from compare_runs([$1, $2])",
                  [known[0]["run_a"], known[0]["run_b"]]).arrow()  # fmt: skip
    assert said["representation_b"].to_pylist() == ["imported lists"]
    for candidate, baseline in (("model=service", "dim=8"), ("dim=8", "model=service")):
        (found, other) = wh.gate(baseline, candidate, margin=0.2)
        assert {found.outcome, other.outcome} == {"pass"}
    board = wh.sql("from leaderboard where model = 'service'").arrow().to_pylist()
    assert (
        {row["recall_10_kept"] for row in board} == {row["pareto_bytes"] for row in board} == {None}
    )
    # Views about representations are as they would be without it.
    views = ("retention", "tradeoffs", "across_models")
    models = " union ".join(f"select '{view}' as view, model from {view}" for view in views)
    shown = wh.sql(models).arrow().to_pylist()
    # `across_models` has rows only where there are several models.
    assert {(row["view"], row["model"]) for row in shown} >= {(view, "m") for view in views[:2]}
    assert "service" not in {row["model"] for row in shown}
    assert wh.sql("select max(models) as n from int_baselines").arrow()["n"].to_pylist() == [1]
    run("doctor", "-w", wh.root)
    run("runs", "remove", "model=service", "--yes", "-w", wh.root)
    assert {row["scorer"] for row in wh.store.catalogue(RUNS)} == {"torch"}


@pytest.mark.parametrize(
    ("text", "ending", "says"),
    [
        ("q1 Q0 d1 1 0.5 x\nq9 Q0 d1 1 0.5 x\nq8 Q0 d1 1 1 x", "trec", "2 of 3 queries are no te"),
        ("q1 Q0 d1 1 0.5 x\nq1 Q0 e7 1 0.5 x", "trec", "1 of 2 items are no visual of 'd', such"),
        ("q1 0 d1 1", "trec", "has 4 fields, which is a line of qrels"),
        ("q1 Q0 d1 1 high x", "trec", "line 1 has the score 'high'"),
        ("q1 Q0 d1 1 1e300 x", "trec", "expected a finite number"),
        ("q1 Q0 d1 1 .5 x\nq1 Q0 d1 2 .4 x", "trec", "holds the item 'd1' twice"),
        ("\n", "trec", "holds no list"),
        ('{"q1": ["d1"]}', "json", "expected {item: score}"),
        ('{"q1": {"d1": true}}', "json", "has the score True"),
        ("[1]", "json", "expected {query: {item: score}}"),
        ('{"mteb_model_meta": {}, "a": {"x": {}, "y": {}}}', "json", "has the parts a/x, a/y; "),
        ("not a frame", "lz4", "is not JSON in an LZ4 frame"),
        ("q_id,score\n1,2", "csv", "needs the columns query_id, item_id and score"),
        ("a b c d 5 f", "trec", "names a text and a visual"),
    ],
)  # fmt: skip
def test_wrong_files(small, tmp_path, text, ending, says):
    path = tmp_path / f"wrong.{ending}"
    path.write_text(text)
    with pytest.raises(CmrError) as raised:
        small.ingest_run(path, "own")
    assert says in str(raised.value)
    assert not small.store.catalogue(RUNS)


def test_names_that_are_taken(small, tmp_path):
    path = tmp_path / "own.trec"
    small.ingest_run(path, "own")
    with pytest.raises(CmrError, match="'m' is a model with vectors of 'd'; choose another --as"):
        small.ingest_run(path, "m")
    path.write_text(LISTS.replace("1.5", "0.1"))
    with pytest.raises(CmrError, match=r"has other lists under the name 'own' \(t2v\); choose"):
        small.ingest_run(path, "own")
    assert small.ingest_run(path, "own", qrels="graded").new
    with pytest.raises(CmrError, match="there is no data set 'e'"):
        small.ingest_run(path, "other", dataset="e")


def test_parts_of_mtebs_predictions(tmp_path):
    path = tmp_path / "p.json"
    lists = {"en": {"test": {"q": {"d": 1}}}, "de": {"test": {"q": {"e": 2}}}}
    path.write_text(json.dumps({"mteb_model_meta": {}, **lists}))
    assert read_run(str(path), part="de/test").items == ["e"]
    with pytest.raises(CmrError, match="has the parts en/test, de/test, not fr/test; name one"):
        read_run(str(path), part="fr/test")
