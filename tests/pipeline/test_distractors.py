"""Distractors: a data set with more to confuse, held against a full matrix of scores in NumPy."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from click.testing import CliRunner
from scipy import stats
from scipy.spatial import distance

from cmr.cli.main import main
from cmr.pipeline import distractor_vectors
from cmr.pipeline.bench.bench_request import BenchRequest, BenchSearch
from cmr.pipeline.bench.contenders import contenders
from cmr.pipeline.bench.schedule import Planner
from cmr.pipeline.bench.search_work import SearchWork
from cmr.pipeline.copies import Copies
from cmr.progressbar import no_bar
from cmr.sources.scenes_draw import render, scenes
from cmr.views import connect
from cmr.warehouse.store import Store
from tests.conftest import TOY, snapshot, unanswered

pytestmark = pytest.mark.slow
TEXTS, VISUALS, DIM, MANY = 120, 40, 24, 2500


def arrays():
    """Vectors of a small data set, and distractors, two of which are copies of its visuals."""
    rng = np.random.default_rng(5)
    visual = rng.standard_normal((VISUALS, DIM)).astype(np.float32)
    truth = np.arange(TEXTS) % VISUALS
    text = (visual[truth] + rng.standard_normal((TEXTS, DIM))).astype(np.float32)
    more = rng.standard_normal((MANY, DIM)).astype(np.float32)
    # One is scaled, the other rounded.
    more[7], more[11] = visual[3] * 2, visual[4].astype(np.float16)
    return text, visual, truth, more


def unit(vectors):
    vectors = np.asarray(vectors, dtype=np.float32).astype(np.float64)
    return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


def query(root, sql):
    return connect(str(root)).execute(sql).fetchall()


@pytest.fixture
def base(cmr, tmp_path):
    """A warehouse with the data set `d`, and its distractors in a file."""
    text, visual, truth, more = arrays()
    np.savez(tmp_path / "d.npz", text_24=text, video_24=visual, ground_truth=truth)
    np.save(tmp_path / "more.npy", more)
    cmr("ingest", "npz", tmp_path / "d.npz", "--dataset", "d", "-w", tmp_path / "w")
    return tmp_path / "w"


@pytest.fixture(scope="module")
def evaluated(once):
    """The same evaluated, which nobody changes: d, d+ with the distractors, and in bits."""

    def fill(folder):
        text, visual, truth, more = arrays()
        np.savez(folder / "d.npz", text_24=text, video_24=visual, ground_truth=truth)
        np.save(folder / "more.npy", more)
        with unanswered():
            for command in (
                ("ingest", "npz", "d.npz", "--dataset", "d"),
                ("evaluate", "--dims", "24", "--precisions", "fp32"),
                ("ingest", "distractors", "more.npy", "--dataset", "d", "--as", "d+"),
                ("evaluate", "--dataset", "d+", "--dims", "24", "--precisions", "fp32,b1",
                 "--hits", "3"),
                ("evaluate", "--dataset", "d+", "--dims", "24", "--precisions", "fp32",
                 "--scorer", "usearch-exact"),
            ):  # fmt: skip
                named = [str(folder / one) if one.endswith(("npz", "npy")) and "." in one else one
                         for one in command]  # fmt: skip
                done = CliRunner().invoke(main, [*named, "-w", str(folder / "w")])
                assert done.exit_code == 0, done.stderr

    return once("distractors", fill) / "w"


@pytest.fixture(scope="module")
def asked(evaluated):
    """The rows of a query, by one connection for all."""
    con = connect(str(evaluated))
    return lambda sql: con.execute(sql).fetchall()


def counted(scores, truth):
    """How many of a matrix's others are above and tied with each query's one relevant item."""
    own = scores[np.arange(len(scores)), truth][:, None]
    return (scores > own + 1e-6).sum(1), (np.abs(scores - own) <= 1e-6).sum(1) - 1


def recall(above, tied, others, size, k):
    """Recall@K among `size` candidates, exactly: the mean over tie orders and random pools."""
    return np.mean([
        np.mean([stats.hypergeom.cdf(k - 1, others, a + u, size - 1) for u in range(t + 1)])
        for a, t in zip(above, tied, strict=True)
    ])  # fmt: skip


def test_against_a_full_matrix(asked):
    text, visual, truth, more = arrays()
    gallery = np.concatenate([unit(visual), unit(more)])
    above, tied = counted(unit(text) @ gallery.T, truth)
    assert tied.sum() > 0
    run = "dataset = 'd+' and direction = 't2v' and precision = 'fp32' and scorer = 'torch'"
    found = asked(
        f"select above, tied, ranks.gallery from ranks join runs using (run_id) where {run} "
        "order by query_id::int",
    )
    assert [row[:2] for row in found] == list(zip(above.tolist(), tied.tolist(), strict=True))
    assert {row[2] for row in found} == {VISUALS + MANY}
    for size, k in ((41, 1), (500, 5), (2000, 7), (VISUALS + MANY, 10)):
        [(value, low, high)] = asked(
            f"select value, ci_low, ci_high from metrics_for({size}, {k}) "
            f"where {run} and measure = 'recall'",
        )
        expected = recall(above, tied, VISUALS + MANY - 1, size, k)
        assert value == pytest.approx(expected, rel=1e-9)
        assert low < value < high or value == pytest.approx(1)


def test_default_sizes(asked):
    """The published sizes, and larger ones as far as the direction's own gallery has them."""
    found = asked(
        "select distinct dataset, direction, candidates, sampled_candidates, queries from runs",
    )
    assert sorted(found) == [
        ("d", "t2v", [], [], TEXTS),
        ("d", "v2t", [], [], VISUALS),
        ("d+", "t2v", [100, 1000, 2000], [100], TEXTS),
        ("d+", "v2t", [100], [100], VISUALS),
    ]


def test_distractors_never_ask(asked):
    """The other direction is as without them, and every list is of a query of the data set."""
    columns = "query_id, item_id, above, tied, ranks.gallery"
    run = "direction = 'v2t' and precision = 'fp32' and scorer = 'torch'"
    with_, without = (
        asked(
            f"select {columns} from ranks join runs using (run_id) "
            f"where dataset = '{name}' and {run} order by all",
        )
        for name in ("d+", "d")
    )
    assert with_ == without
    asking = asked(
        "select direction, count(distinct query_id) from hits join runs using (run_id) "
        "group by all",
    )
    assert dict(asking) == {"t2v": TEXTS, "v2t": VISUALS}
    both = asked(
        "select direction, count(distinct value) from metrics where dataset = 'd+' and k = 5 "
        "and measure = 'recall' and precision = 'fp32' and protocol = 'full' group by all",
    )
    # Two scorers.
    assert sorted(both) == [("t2v", 1), ("v2t", 1)]


def extrapolated(above, tied, others, more, k):
    """Recall@K among so many more, by a fit of the counts and a sum over shares, in NumPy."""
    middle = above + tied / 2
    limits = [n for n in (1, 2, 3, 5, 10, 20, 30, 50, 100, 200, 300, 500, 1000) if n <= others / 20]
    below = np.array([(middle < limit).mean() for limit in limits])
    inner = (below > 0) & (below < 1)
    shares = stats.norm.ppf(np.array(limits)[inner] / (others + 1))
    steep, at_zero = np.polyfit(shares, stats.norm.ppf(below[inner]), 1)
    z = np.linspace(-13, 0, 4000)
    p, prior = stats.norm.cdf(z), stats.norm.pdf(at_zero + steep * z)

    def value(b):
        if b >= k:
            return 0.0
        after = prior * stats.binom.pmf(b, others, p)
        return (after * stats.binom.cdf(k - 1 - b, more, p)).sum() / after.sum()

    known = {b: value(b) for b in range(k + 1)}
    return np.mean([
        np.mean([known[min(k, a + u)] for u in range(t + 1)])
        for a, t in zip(above, tied, strict=True)
    ])  # fmt: skip


@pytest.mark.parametrize("k", [1, 5, 10])
def test_extrapolation(asked, k):
    text, visual, truth, more = arrays()
    gallery = VISUALS + MANY
    above, tied = counted(unit(text) @ np.concatenate([unit(visual), unit(more)]).T, truth)
    found = asked(
        "select candidates, protocol, value, chance "
        "from (from growth union all by name from growth_beyond) "
        "where dataset = 'd+' and direction = 't2v' and precision = 'fp32' and scorer = 'torch' "
        f"and measure = 'recall' and k = {k} order by candidates",
    )
    beyond = [row for row in found if row[1] == "extrapolated"]
    # As far as K times the gallery.
    assert [row[0] for row in beyond] == [n for n in (5000, 10_000, 20_000) if n <= k * gallery]
    assert [row[0] for row in found if row[1] == "expected"][-1] == gallery
    values = [row[2] for row in found]
    assert values == sorted(values, reverse=True)
    for size, _, value, chance in beyond:
        assert chance == pytest.approx(k / size)
        expected = extrapolated(above, tied, gallery - 1, size - gallery, k)
        assert value == pytest.approx(expected, abs=2e-4)


def test_what_is_extrapolated(asked):
    """Only on galleries with distractors, of exact runs, what the top K holds; and nowhere else."""
    assert asked("select distinct dataset, direction from growth_beyond") == [("d+", "t2v")]
    measures = asked("select distinct measure from growth_beyond order by 1")
    assert [row[0] for row in measures] == ["hit_rate", "precision", "recall"]
    assert not asked("from growth_beyond where k is null or value is null")
    assert not asked("from metrics where protocol = 'extrapolated'")
    ties = asked(
        "select value from (from growth union all by name from growth_beyond) "
        "where precision = 'b1' and measure = 'recall' and k = 10 "
        "and direction = 't2v' order by candidates",
    )
    values = [row[0] for row in ties]
    assert values == sorted(values, reverse=True)


def test_the_extrapolation_comes_near(cmr, tmp_path, no_answer):
    """From 2,000 distractors it tells what ten times as many do."""
    rng = np.random.default_rng(8)
    visual = rng.standard_normal((400, 20)).astype(np.float32)
    text = (visual + 0.75 * rng.standard_normal(visual.shape)).astype(np.float32)
    more = rng.standard_normal((20_000, 20)).astype(np.float32)
    np.savez(tmp_path / "d.npz", text_20=text, video_20=visual, ground_truth=np.arange(400))
    np.save(tmp_path / "more.npy", more)
    w = ("-w", tmp_path / "w")
    cmr("ingest", "npz", tmp_path / "d.npz", "--dataset", "d", *w)
    few = ("--limit", 1600, "--as", "few")
    cmr("ingest", "distractors", tmp_path / "more.npy", "--dataset", "d", *few, *w)
    cmr("evaluate", "--dataset", "few", "--dims", "20", "--precisions", "fp32",
        "--protocols", "expected", *w)  # fmt: skip
    for k, size in ((5, 10_000), (10, 20_000)):
        scores = unit(text) @ np.concatenate([unit(visual), unit(more)[: size - 400]]).T
        above, _ = counted(scores, np.arange(400))
        [(value,)] = query(
            tmp_path / "w",
            f"select value from growth_beyond where candidates = {size} and k = {k} "
            "and measure = 'recall' and direction = 't2v'",
        )
        assert value == pytest.approx((above < k).mean(), abs=0.04)


def test_a_bench_asks_only_what_was_judged(evaluated, cmr, tmp_path):
    """Distractors are in the gallery of the other direction, and are never timed as queries."""
    warehouse = Store.open(str(evaluated))
    search = BenchSearch(dataset="d+", dims=24, precisions="fp32", directions="t2v,v2t")
    asked = BenchRequest(search=search, scorers="torch", stages="batch,single", candidates=40,
                         threads=1)  # fmt: skip
    subject, found = contenders(warehouse, asked, no_bar)
    planner = Planner(warehouse, asked, subject, 1, "cpu")
    text, visual, _, _ = arrays()
    judged = {"t2v": unit(text), "v2t": unit(visual)}
    for stage in ("batch", "single"):
        jobs = {job.rows[job.task.lanes[0]]["direction"]: job for job in planner.jobs(stage, found)}
        assert jobs.keys() == judged.keys()
        for way, job in jobs.items():
            many = job.task.batch or job.task.singles
            assert many == len(judged[way])
            work = SearchWork(job.task)
            drawn = work.queries(many).coded.data
            assert drawn.shape == judged[way].shape
            assert len(work.queries(7).coded.data) == 7
            # Each judged query once.
            near = drawn @ judged[way].T
            assert sorted(near.argmax(axis=1)) == list(range(many))
            assert near.max(axis=1) == pytest.approx(1, abs=1e-5)
            size = {"t2v": VISUALS + MANY, "v2t": TEXTS}[way]
            assert job.rows[job.task.lanes[0]]["gallery"] == size
    refused = cmr("bench", "--dataset", "d+", "--directions", "v2t", "--batch", str(VISUALS + 1),
                  "--stages", "batch", "-w", evaluated, code=1)  # fmt: skip
    assert f"--batch {VISUALS + 1} is more than the {VISUALS} queries (v2t)" in refused.stderr


def written(folder, kind):
    """The distractors in a file of some kind."""
    more = arrays()[3]
    names = [f"w{row}" for row in range(MANY)]
    if kind == "npz":
        np.savez_compressed(folder / "x.npz", video_24=more, ids_video=names)
    elif kind == "parquet":
        table = pa.table({"item_id": names, "vector": list(more)})
        pq.write_table(table, folder / "x.parquet", row_group_size=700)
    elif kind == "fbin":
        head = np.array(more.shape, dtype="<u4").tobytes()
        (folder / "x.fbin").write_bytes(head + more.tobytes())
    elif kind == "folder":
        (folder / "x").mkdir()
        for part in range(3):
            np.save(folder / "x" / f"{part + 8}.npy", more[part * 1000 : part * 1000 + 1000])
    else:
        (folder / "x.d" / "img_emb").mkdir(parents=True)
        (folder / "x.d" / "metadata").mkdir()
        for part, rows in enumerate((slice(0, 1500), slice(1500, None))):
            np.save(folder / "x.d" / "img_emb" / f"img_emb_{part}.npy", more[rows])
            table = pa.table({"image_path": names[rows]})
            pq.write_table(table, folder / "x.d" / "metadata" / f"metadata_{part}.parquet")
    return next(path for path in folder.iterdir() if path.name.startswith("x"))


@pytest.mark.parametrize("kind", ["npz", "parquet", "fbin", "folder", "clip-retrieval"])
def test_files_of_vectors(cmr, base, tmp_path, kind):
    folder = tmp_path / "given"
    folder.mkdir()
    done = cmr("ingest", "distractors", written(folder, kind), "--dataset", "d", "-w", base)
    assert "d+2500: 2,500 distractors beside 40 visuals of d; vectors of d" in done.stderr
    rows = query(
        base,
        "select e.item_id, vector, split from embeddings e join items using "
        "(dataset, modality, item_id) where dataset = 'd+2500' and modality = 'visual' "
        "order by e.ordinal",
    )
    _, visual, _, more = arrays()
    expected = np.concatenate([unit(visual), unit(more)])
    assert np.abs(np.array([row[1] for row in rows]) - expected).max() < 1e-7
    assert [row[2] for row in rows] == [None] * VISUALS + ["distractors"] * MANY
    own = kind in ("npz", "parquet", "clip-retrieval")
    assert rows[VISUALS][0] == ("w0" if own else "distractor-0")


def test_copies_are_said_or_left_out(cmr, base, tmp_path):
    more = ("ingest", "distractors", tmp_path / "more.npy", "--dataset", "d", "-w", base)
    done = cmr(*more)
    said = "2 distractors are copies of relevant items (for example 'distractor-7' of '3')"
    assert f"{said}, which count as wrong answers; --drop-copies" in done.stderr
    done = cmr(*more, "--drop-copies")
    assert "d+2498: 2,498 distractors" in done.stderr
    assert f"{said}, left out" in done.stderr
    names = [row[0] for row in query(base, "select item_id from items where dataset = 'd+2498'")]
    assert "distractor-8" in names
    assert not {"distractor-7", "distractor-11"} & set(names)


@pytest.mark.parametrize("rows", [1, 2000])
def test_copies_against_every_pair(rows):
    rng = np.random.default_rng(rows)
    known = unit(rng.standard_normal((rows, 16)) + 1).astype(np.float32)
    more = unit(rng.standard_normal((3000, 16)) + 1).astype(np.float32)
    at, of = rng.permutation(3000)[:400], rng.integers(0, rows, 400)
    moved = rng.standard_normal((400, 16))
    moved *= rng.uniform(0, 2e-3, (400, 1)) / np.linalg.norm(moved, axis=1, keepdims=True)
    more[at] = (known[of] + moved).astype(np.float32)
    apart = distance.cdist(more.astype(np.float64), known.astype(np.float64))
    near = np.where(apart.min(1) <= 1e-3, apart.argmin(1), -1)
    assert (near >= 0).sum() > 100
    assert Copies(known).of(more).tolist() == near.tolist()


def broken(folder, change):
    more = arrays()[3]
    if change in ("NaN or infinite", "zero"):
        more[2000] = np.nan if change != "zero" else 0
    elif change == "dimensions":
        more = more[:, :16]
    np.save(folder / "bad.npy", more)
    if change == "is cut off":
        whole = (folder / "bad.npy").read_bytes()
        (folder / "bad.npy").write_bytes(whole[: len(whole) // 2])
    return folder / "bad.npy"


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ("NaN or infinite", "the vector of distractor 'distractor-2000' is NaN or infinite"),
        ("zero", "the vector of distractor 'distractor-2000' is zero"),
        ("dimensions", "has vectors of 16 dimensions, and the vectors of 'd' by 'd' have 24"),
        ("is cut off", "is cut off: it ends within row"),
    ],
)
def test_unfit_vectors(cmr, base, tmp_path, change, said):
    before = snapshot(base)
    bad = broken(tmp_path, change)
    done = cmr("ingest", "distractors", bad, "--dataset", "d", "-w", base, code=1)
    assert said in done.stderr
    assert done.stderr.count("\n") == 1
    assert snapshot(base) == before


def test_unfit_ids_and_names(cmr, base, tmp_path):
    more = arrays()[3]
    np.savez(tmp_path / "same.npz", video_24=more, ids_video=[str(row) for row in range(MANY)])
    np.savez(tmp_path / "twice.npz", video_24=more, ids_video=["a"] * MANY)
    np.savez(tmp_path / "texts.npz", text_24=more)
    (tmp_path / "two").mkdir()
    for dim in (5, 24):
        np.save(tmp_path / "two" / f"{dim}.npy", more[: 100 + dim, :dim])
    add = ("ingest", "distractors", "-w", base, "--dataset", "d")
    before = snapshot(base)
    for given, said in (
        ((tmp_path / "same.npz",), "has a visual with the id '0' already (40 such ids); give"),
        ((tmp_path / "twice.npz",), "two distractors have the id 'a'"),
        ((tmp_path / "texts.npz",), "lacks video_<d>, the visual vectors; it has text_24"),
        ((tmp_path / "more.npy", "--as", "d"), "--as d is the data set itself"),
        ((tmp_path / "more.npy", "--model", "other"), "has no vectors by the model 'other'"),
        ((tmp_path / "none.npy",), "there is no file"),
        ((tmp_path / "two",), "its files have different dimensions, [5, 24]"),
    ):
        assert said in cmr(*add, *given, code=1).stderr
    assert snapshot(base) == before
    done = cmr(*add, tmp_path / "same.npz", "--id-prefix", "web-")
    assert "d+2500: 2,500 distractors" in done.stderr


def test_other_data_under_a_name(cmr, base, tmp_path):
    """The same again is no work; other vectors or items under a name are refused."""
    np.save(tmp_path / "other.npy", arrays()[3][::-1])
    np.save(tmp_path / "fewer.npy", arrays()[3][:100])
    add = ("ingest", "distractors", "-w", base, "--dataset", "d", "--as", "x")
    cmr(*add, tmp_path / "more.npy")
    before = snapshot(base)
    assert "x: already there" in cmr(*add, tmp_path / "more.npy").stderr
    assert "other vectors of 'x'" in cmr(*add, tmp_path / "other.npy", code=1).stderr
    assert "other data under the name 'x'" in cmr(*add, tmp_path / "fewer.npy", code=1).stderr
    assert snapshot(base) == before


def test_what_changes_while_it_is_read(cmr, base, tmp_path, monkeypatch):
    """Vectors that are others when they are written than when they were checked."""
    plain = distractor_vectors.survey

    def survey(*given):
        found = plain(*given)
        np.save(tmp_path / "more.npy", arrays()[3][::-1])
        return found

    monkeypatch.setattr("cmr.pipeline.distractors.survey", survey)
    before = snapshot(base)
    more = ("ingest", "distractors", tmp_path / "more.npy", "--dataset", "d", "-w", base)
    assert "has changed while it was read; nothing is stored" in cmr(*more, code=1).stderr
    # The texts' vectors are there, and no row of a data set names them yet.
    assert query(base, "select dataset from datasets") == [("d",)]
    assert {name for name in before if name not in snapshot(base)} == set()


def test_more_of_them(cmr, base, tmp_path, no_answer):
    """Distractors are added to those there are, and on the other side."""
    rng = np.random.default_rng(1)
    np.save(tmp_path / "second.npy", rng.standard_normal((1500, DIM)))
    np.save(tmp_path / "texts.npy", rng.standard_normal((300, DIM)))
    w = ("-w", base)
    cmr("ingest", "distractors", tmp_path / "more.npy", "--dataset", "d", *w)
    done = cmr("ingest", "distractors", tmp_path / "second.npy", "--dataset", "d+2500", *w)
    assert "d+4k: 1,500 distractors beside 2,540 visuals of d+2500" in done.stderr
    third = ("--side", "texts", "--as", "both")
    cmr("ingest", "distractors", tmp_path / "texts.npy", "--dataset", "d+4k", *third, *w)
    found = query(
        base,
        "select dataset, texts, visuals, text_distractors, visual_distractors from datasets "
        "order by all",
    )
    assert found == [
        ("both", 420, 4040, 300, 4000),
        ("d", 120, 40, 0, 0),
        ("d+2500", 120, 2540, 0, 2500),
        ("d+4k", 120, 4040, 0, 4000),
    ]
    cmr("evaluate", "--dataset", "both", "--dims", "24", "--precisions", "fp32",
        "--protocols", "full", "--hits", "2", *w)  # fmt: skip
    sizes = query(base, "select direction, queries, gallery, distractors from runs order by all")
    assert sizes == [("t2v", 120, 4040, 4000), ("v2t", 40, 420, 300)]
    assert "all 17 checks pass" in cmr("doctor", *w).stdout


def test_runs_of_the_data_set_stay(asked):
    """Those before there were distractors are what they were."""
    found = asked(
        "select dataset, gallery from runs where direction = 't2v' and precision = 'fp32' "
        "and scorer = 'torch' order by all",
    )
    assert found == [("d", VISUALS), ("d+", VISUALS + MANY)]


@pytest.fixture
def photos(cmr, tmp_path):
    """A warehouse of six encoded scenes, and a folder of more, one of which is a copy."""
    drawn = scenes("test", 10)
    for folder in ("own", "web/more"):
        (tmp_path / folder).mkdir(parents=True)
    for n, scene in enumerate(drawn):
        render(scene).save(tmp_path / ("own" if n < 6 else "web") / f"{n}.png")
    render(drawn[2]).save(tmp_path / "web" / "more" / "copy.png")
    (tmp_path / "web" / "readme.txt").write_text("not a picture")
    rows = [f"{n}.png,{drawn[n].captions[0]}" for n in range(6)]
    (tmp_path / "own.csv").write_text("image,caption\n" + "\n".join(rows) + "\n")
    cmr("ingest", "pairs", tmp_path / "own.csv", "--images", tmp_path / "own", *TOY,
        "--dataset", "p", "-w", tmp_path / "w")  # fmt: skip
    return tmp_path


def test_pictures(cmr, photos, no_answer):
    import tarfile

    with tarfile.open(photos / "web.tar", "w") as archive:
        archive.add(photos / "web", ".")
    w = ("-w", photos / "w")
    done = cmr("ingest", "distractors", photos / "web", "--dataset", "p", *w)
    assert "p+5: 5 distractors beside 6 visuals of p; vectors of scenes-tiny" in done.stderr
    assert "1 distractor is a copy of relevant items (for example 'more/copy.png' of" in done.stderr
    again = cmr("ingest", "distractors", photos / "web.tar", "--dataset", "p", *w)
    assert "p+5: already there" in again.stderr
    cmr("ingest", "distractors", photos / "own.csv", "--images", photos / "own", "--id-prefix",
        "again-", "--dataset", "p", "--as", "twice", *w)  # fmt: skip
    cosines = query(
        photos / "w",
        "select max(abs(list_cosine_similarity(a.vector, b.vector) - 1)) from embeddings a "
        "join embeddings b on b.item_id = 'again-' || a.item_id "
        "where a.dataset = 'twice' and b.dataset = 'twice' and a.modality = 'visual'",
    )
    assert cosines[0][0] < 1e-5
    cmr("evaluate", "--dataset", "p+5", "--precisions", "fp32", "--protocols", "full", *w)
    sizes = query(
        photos / "w", "select distinct direction, queries, gallery from runs order by all"
    )
    assert sizes == [("t2v", 6, 11), ("v2t", 6, 6)]


def test_captions_and_what_cannot_be_encoded(cmr, photos, base):
    (photos / "more.txt").write_text("a red star\n\na blue heart\n")
    (photos / "web" / "bad.png").write_bytes(b"no picture")
    w = ("-w", photos / "w")
    done = cmr("ingest", "distractors", photos / "more.txt", "--side", "texts", "--dataset", "p",
               "--as", "t", *w)  # fmt: skip
    assert "t: 2 distractors beside 6 texts of p" in done.stderr
    before = snapshot(photos / "w" / "datasets")
    add = ("ingest", "distractors", photos / "web", "--dataset", "p", *w)
    assert "pictures cannot be used, more than the 0 that --max-rejects" in cmr(*add, code=1).stderr
    assert snapshot(photos / "w" / "datasets") == before
    done = cmr(*add, "--max-rejects", "0.5")
    assert "1 rejected" in done.stderr
    imported = cmr("ingest", "distractors", photos / "web", "--dataset", "d", "-w", base, code=1)
    assert "were imported, so cmr cannot encode its distractors" in imported.stderr


def test_what_no_model_can_encode_is_rejected_once(cmr, photos):
    (photos / "web" / "bad.png").write_bytes(b"no picture")
    w = ("-w", photos / "w")
    cmr("ingest", "pairs", photos / "own.csv", "--images", photos / "own", *TOY, "--precision",
        "bf16", "--dataset", "p", *w)  # fmt: skip
    cmr("ingest", "distractors", photos / "web", "--dataset", "p", "--max-rejects", "0.17", *w)
    assert query(photos / "w", "select source_row from rejects") == [("bad.png",)]
    models = "select distinct model from embeddings where dataset = 'p+5' order by all"
    assert query(photos / "w", models) == [("scenes-tiny",), ("scenes-tiny-bf16",)]


def test_help_names_it(cmr):
    assert "cmr ingest distractors web.npy --dataset coco" in cmr("ingest", "--help").stdout
    shown = cmr("ingest", "distractors", "--help").stdout
    assert "--drop-copies" in shown
    assert "cmr ingest distractors laion_1m.npy --dataset coco --as coco+1m" in shown
