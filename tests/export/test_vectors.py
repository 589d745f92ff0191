"""Vectors that leave and come back, or are searched by others."""

from __future__ import annotations

import csv
import json
import shutil

import numpy as np
import pyarrow.parquet as pq
import pytest

import cmr as package
from tests.export.conftest import DIM, TEXTS, VISUALS, run

_COLUMNS = "direction, dim, protocol, candidates, measure, k, value, ci_low, ci_high, chance"


def metrics(root, where="true"):
    rows = package.open(root).sql(f"select {_COLUMNS} from metrics where {where} order by all")
    return rows.arrow().to_pylist()


def counts(root, where="true"):
    """What every figure comes from; ids apart, which some layouts have no place for."""
    rows = package.open(root).sql(
        "select direction, dim, above, tied, relevants_above, relevants_tied, relevants, "
        f"ranks.gallery from ranks join runs using (run_id) where {where} order by all"
    )
    return rows.arrow().to_pylist()


def same(mine, theirs, tolerance=1e-9):
    assert len(mine) == len(theirs) > 20
    for a, b in zip(mine, theirs, strict=True):
        for name, value in a.items():
            near = name in ("value", "ci_low", "ci_high", "chance")
            assert b[name] == (pytest.approx(value, abs=tolerance) if near else value), (a, b)


@pytest.mark.slow
@pytest.mark.usefixtures("no_answer")
def test_npz_and_back(published, tmp_path):
    """Every protocol, drawn pools included: the same metrics."""
    out = tmp_path / "out.npz"
    run("export", "npz", "-w", published, "-o", out)
    with np.load(out, allow_pickle=False) as arrays:
        keys = {"text_16", "video_16", "text_40", "video_40", "ground_truth"}
        assert set(arrays) == keys | {"ids_text", "ids_video"}
        assert arrays["text_40"].dtype == np.float32
        assert arrays["ids_video"].tolist() == [str(n) for n in range(30)]
    run("ingest", "npz", out, "--dataset", "d", "-w", tmp_path / "w")
    run("evaluate", "-w", tmp_path / "w", "--dims", "16,40", "--precisions", "fp32,b1",
        "--candidates", "10,20", "--k", "1,3,10")  # fmt: skip
    for precision in ("fp32", "b1"):
        where = f"precision = '{precision}'"
        same(metrics(published, where), metrics(tmp_path / "w", where))
        assert counts(published, where.replace("precision", "runs.precision")) == counts(
            tmp_path / "w", where.replace("precision", "runs.precision")
        )


def test_npz_of_half_precision_and_one_dimension(published, tmp_path):
    out = tmp_path / "out.npz"
    run("export", "npz", "-w", published, "--dim", 16, "--precision", "fp16", "-o", out)
    with np.load(out) as arrays:
        assert arrays["text_16"].dtype == np.float16
        mine = package.open(published).embeddings("d", modality="text", dim=16, precision="fp16")
        assert np.array_equal(arrays["text_16"], mine.numpy())
    done = run("export", "npz", "-w", published, "--dim", 17, "-o", tmp_path / "x.npz", code=1)
    assert "no fp32 vectors have dim 17; there are: 16, 40" in done.stderr


def test_npz_refuses_several_visuals_a_text_by_name(odd, tmp_path):
    done = run("export", "npz", "-w", odd, "-o", tmp_path / "x.npz", code=1)
    assert "'text " in done.stderr
    assert "has 2 relevant ones" in done.stderr
    assert not list(tmp_path.iterdir())


@pytest.mark.slow
@pytest.mark.usefixtures("no_answer")
def test_clip_retrieval_and_back(odd, published, tmp_path):
    """Row by row the right vectors; what belongs to nothing is counted; metrics of full pairs."""
    done = run("export", "clip-retrieval", "-w", odd, "--precision", "fp32", "--dtype", "float32",
               "-o", tmp_path / "c")  # fmt: skip
    images = np.load(tmp_path / "c/img_emb/img_emb_0.npy")
    texts = np.load(tmp_path / "c/text_emb/text_emb_0.npy")
    told = pq.read_table(tmp_path / "c/metadata/metadata_0.parquet")
    wh = package.open(odd)
    sides = {side: wh.embeddings(modality=side, precision="fp32") for side in ("text", "visual")}
    place = {side: {name: n for n, name in enumerate(one.ids)} for side, one in sides.items()}
    for side, key, found in (("text", "text_id", texts), ("visual", "image_path", images)):
        rows = [place[side][name] for name in told[key].to_pylist()]
        assert np.array_equal(found, sides[side].floats()[rows])
    qrels = wh.sql("select text_id, visual_id from qrels").arrow().to_pylist()
    pairs = set(zip(told["text_id"].to_pylist(), told["visual_id"].to_pylist(), strict=True))
    assert pairs == {(row["text_id"], row["visual_id"]) for row in qrels}
    assert len(told) == len(pairs)
    lone = VISUALS - len({visual for _, visual in pairs})
    assert (f"{lone} visuals have no partner" in done.stderr) == bool(lone)

    # 16 dimensions of a data set in which every visual has a text: the same metrics.
    root, again = tmp_path / "paired", tmp_path / "w"
    rng = np.random.default_rng(1)
    visuals = rng.standard_normal((25, 16)).astype(np.float32)
    spread = np.repeat(visuals, 2, axis=0) + rng.standard_normal((50, 16)).astype(np.float32)
    package.open(root, create=True).ingest_arrays(
        spread, visuals, np.repeat(np.arange(25), 2), dataset="d", model="m"
    )
    options = ("--dims", 16, "--precisions", "fp16", "--protocols", "full")
    run("evaluate", "-w", root, *options)
    run("export", "clip-retrieval", "-w", root, "--precision", "fp16", "-o", tmp_path / "p")
    assert np.load(tmp_path / "p/img_emb/img_emb_0.npy").dtype == np.float16
    run("ingest", "clip-retrieval", tmp_path / "p", "--dataset", "d", "-w", again)
    run("evaluate", "-w", again, *options)
    same(metrics(root), metrics(again))


def read_bin(path, dtype, offset=8):
    rows, dim = np.fromfile(path, "<u4", 2)
    return np.fromfile(path, dtype, int(rows) * int(dim), offset=offset).reshape(rows, dim)


@pytest.mark.slow
@pytest.mark.usefixtures("no_answer")
@pytest.mark.parametrize("precision", ["fp32", "int8"])
def test_fbin_searched_by_faiss_and_back(odd, tmp_path, precision):
    faiss = pytest.importorskip("faiss", reason="faiss-cpu is not installed")
    out = tmp_path / "f"
    run("export", "fbin", "-w", odd, "--precision", precision, "--top", 5, "-o", out)
    kind, suffix = (np.float32, "fbin") if precision == "fp32" else (np.int8, "i8bin")
    sides = {}
    for name, rows in (("texts", TEXTS), ("visuals", VISUALS)):
        vectors = read_bin(out / f"{name}.{suffix}", kind).astype(np.float32)
        assert vectors.shape == (rows, DIM)
        if precision == "int8":
            vectors *= read_bin(out / f"{name}.scales.fbin", np.float32)
        sides[name] = np.ascontiguousarray(vectors)
    index = faiss.IndexFlatIP(DIM)
    index.add(sides["visuals"])
    scores, found = index.search(sides["texts"], 5)
    stored = read_bin(out / "groundtruth.bin", "<u4")
    assert np.array_equal(found, stored)
    kept = read_bin(out / "groundtruth.bin", np.float32, 8 + 4 * TEXTS * 5)
    assert np.allclose(kept, scores, atol=1e-5)
    with (out / "visuals.csv").open(newline="", encoding="utf-8") as stream:
        assert [row["item_id"] for row in csv.DictReader(stream)][3] == '图 "3",\t.jpg'
    run("ingest", "arrays", "--texts", out / f"texts.{suffix}", "--visuals",
        out / f"visuals.{suffix}", "--pairs", out / "pairs.csv", "--dataset", "x", "-w",
        tmp_path / "w")  # fmt: skip
    options = ("--dims", DIM, "--precisions", precision, "--protocols", "full", "--k", "1,5,10")
    run("evaluate", "-w", tmp_path / "w", *options)
    where = f"precision = '{precision}' and measure not like '%_rank'"
    # A vector of codes is not quite of unit length, and ingest makes it so: its scale changes.
    again = metrics(tmp_path / "w", where)
    same(metrics(odd, where), again, 1e-9 if precision == "fp32" else 0.03)
    if precision == "int8":
        codes = package.open(tmp_path / "w").embeddings(modality="text", precision="int8")
        mine = package.open(odd).embeddings(modality="text", precision="int8")
        assert np.array_equal(codes.numpy(), mine.numpy())


@pytest.mark.parametrize("direction", ["t2v", "v2t"])
def test_hdf5_searched_by_faiss(odd, tmp_path, direction):
    faiss = pytest.importorskip("faiss", reason="faiss-cpu is not installed")
    import h5py

    out = tmp_path / "a.hdf5"
    run("export", "ann-hdf5", "-w", odd, "--direction", direction, "--top", 10, "-o", out)
    with h5py.File(out) as file:
        assert file.attrs["distance"] == "angular"
        assert file.attrs["dimension"] == DIM
        train, test = file["train"][:], file["test"][:]
        neighbors, distances = file["neighbors"][:], file["distances"][:]
        ids = file["train_ids"].asstr()[:].tolist()
    gallery = "visual" if direction == "t2v" else "text"
    assert ids == package.open(odd).embeddings(modality=gallery).ids
    index = faiss.IndexFlatIP(DIM)
    index.add(train)
    scores, found = index.search(test, 10)
    assert np.array_equal(found, neighbors)
    assert np.allclose(distances, 1 - scores, atol=1e-5)
    done = run("export", "ann-hdf5", "-w", odd, "--precision", "int8", "-o", out, "--force", code=1)
    assert "cmr export fbin" in done.stderr


@pytest.mark.slow
@pytest.mark.parametrize("precision", ["fp32", "int8"])
def test_hugging_face(odd, tmp_path, precision, monkeypatch):
    """`datasets` loads every configuration by the card's YAML; ids and vectors are ours."""
    datasets = pytest.importorskip("datasets", reason="datasets is not installed")
    from huggingface_hub import DatasetCard

    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    out = tmp_path / "h"
    run("export", "hf", "-w", odd, "--precision", precision, "-o", out)
    card = DatasetCard.load(out / "README.md")
    assert card.data.license == "unknown"
    assert [one["config_name"] for one in card.data.to_dict()["configs"]] == [
        "texts", "visuals", "qrels", "metrics",
    ]  # fmt: skip
    assert "m/x" in card.text
    loaded = {
        name: datasets.load_dataset(
            str(out), name, split="test", cache_dir=str(tmp_path / "cache")
        ).with_format("numpy")
        for name in ("texts", "visuals", "qrels", "metrics")
    }
    mine = package.open(odd).embeddings(modality="visual", precision=precision)
    assert loaded["visuals"]["item_id"][:].tolist() == mine.ids
    vectors = np.stack(loaded["visuals"]["embedding"][:]).astype(np.float32)
    if precision == "int8":
        vectors *= loaded["visuals"]["scale"][:][:, None]
    assert np.array_equal(vectors, mine.floats())
    assert len(loaded["metrics"]) > 10
    assert len(loaded["qrels"]) == package.open(odd).sql("from qrels").arrow().num_rows
    assert json.loads((out / "cmr-export.json").read_text())["precision"] == precision


def test_embedding_atlas(odd, tmp_path):
    """The columns that the viewer asks for: ids are row numbers of the file, from 0."""
    out = tmp_path / "e.parquet"
    run("export", "embedding-atlas", "-w", odd, "--top", 3, "-o", out)
    rows = pq.read_table(out).to_pylist()
    assert len(rows) == TEXTS + VISUALS
    wh = package.open(odd)
    text, visual = (wh.embeddings(modality=side).floats() for side in ("text", "visual"))
    scores = text @ visual.T
    for n, row in enumerate(rows):
        mine = n < TEXTS
        own = scores[n] if mine else scores[:, n - TEXTS]
        best = np.argsort(-own)[:3] + (TEXTS if mine else 0)
        assert row["modality"] == ("text" if mine else "visual")
        assert row["neighbors"]["ids"] == best.tolist()
        assert np.allclose(row["neighbors"]["distances"], 1 - np.sort(own)[::-1][:3], atol=1e-6)
    # The plane is the one of the singular value decomposition, up to the signs of its axes.
    every = np.concatenate([text, visual]).astype(np.float64)
    every -= every.mean(0)
    u, s, _ = np.linalg.svd(every, full_matrices=False)
    plane = np.array([[row["projection_x"], row["projection_y"]] for row in rows])
    assert np.allclose(np.abs(plane), np.abs(u[:, :2] * s[:2]), atol=1e-5)


def test_umap_is_used_or_asked_for(odd, tmp_path):
    pytest.importorskip("umap", reason="umap-learn is not installed")
    out = tmp_path / "e.parquet"
    run("export", "embedding-atlas", "-w", odd, "--projection", "umap", "-o", out)
    table = pq.read_table(out, columns=["projection_x", "projection_y"])
    plane = np.column_stack([column.to_numpy() for column in table.columns])
    assert np.isfinite(plane).all()
    assert (plane.std(0) > 0.1).all()


def test_the_choice_is_named(odd, published, tmp_path):
    done = run("export", "trec", "-w", odd, "-o", tmp_path / "t", code=1)
    assert "4 runs match; also name --direction t2v, v2t; --precision fp32, int8" in done.stderr
    done = run("export", "trec", "-w", odd, "--precision", "int4", "-o", tmp_path / "t", code=1)
    assert "no runs have precision int4; there are: fp32, int8" in done.stderr
    done = run("export", "fbin", "-w", published, "--dim", 40, "--precision", "b1", "-o",
               tmp_path / "f")  # fmt: skip
    bits = read_bin(tmp_path / "f/texts.i8bin", np.int8)
    assert set(np.unique(bits)) == {-1, 1}
    shutil.rmtree(tmp_path / "f")


def run_of(root, where):
    return package.open(root).sql(f"select run_id from runs where {where}").dicts()[0]["run_id"]


@pytest.mark.slow
def test_what_a_quantizer_made_is_exported_by_its_run(published, tmp_path):
    """The vectors that are written find what the run found; precision alone names none of them."""
    root, out = tmp_path / "w", tmp_path / "f"
    shutil.copytree(published, root)
    grid = ("--dims", 40, "--precisions", "rabitq2", "--protocols", "full", "--directions", "t2v")
    run("evaluate", "-w", root, *grid, "--folds", 0, "--hits", 3)
    name = run_of(root, "precision = 'rabitq2'")
    run("export", "fbin", "-w", root, "--run", name, "--top", 3, "-o", out)
    texts, visuals = (read_bin(out / f"{side}.fbin", np.float32) for side in ("texts", "visuals"))
    stored = package.open(root).sql(
        f"select query_id, item_id, score from hits where run_id = '{name}' and position <= 3"
    )
    rows = stored.dicts()
    assert len(rows) == 3 * len(texts)
    # Pictures that are equal here tie, so the best similarities are compared, not their items.
    products = texts @ visuals.T
    found = np.zeros(products.shape, dtype=bool)
    for row in rows:
        place = int(row["query_id"]), int(row["item_id"])
        found[place] = True
        assert products[place] == pytest.approx(row["score"], abs=1e-5)
    best = np.sort(products, axis=1)[:, -3:]
    listed = np.sort(products[found].reshape(-1, 3), axis=1)
    np.testing.assert_allclose(listed, best, atol=1e-6)
    for form in ("npz", "fbin"):
        done = run("export", form, "-w", root, "--precision", "rabitq2", "-o", tmp_path / "n",
                   code=1)  # fmt: skip
        assert "vectors of precision rabitq2 are the quantizer rabitq's" in done.stderr


@pytest.mark.parametrize("precision", ["int8", "rabitq2"])
def test_codes_that_fp32_queries_ask_are_refused(published, tmp_path, precision):
    """Stored queries were not turned or shifted as codes were: both together would be wrong."""
    root, out = tmp_path / "w", tmp_path / "f"
    shutil.copytree(published, root)
    run("evaluate", "-w", root, "--dims", 40, "--precisions", precision, "--protocols", "full",
        "--directions", "t2v", "--folds", 0, "--asymmetric")  # fmt: skip
    name = run_of(root, f"precision = '{precision}' and query_precision is not null")
    for form in ("ann-hdf5", "clip-retrieval", "embedding-atlas", "fbin", "hf"):
        done = run("export", form, "-w", root, "--run", name, "-o", out, code=1)
        assert f"asks {precision} codes with fp32 queries, and no format holds both" in done.stderr
        assert done.stderr.count("\n") == 1
        assert not out.exists()
