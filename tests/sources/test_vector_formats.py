"""Formats that may hold vectors: clip-retrieval, arrays and the folders of Hugging Face."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from cmr.errors import CmrError
from cmr.sources.arrays import read_arrays
from cmr.sources.clipretrieval import read_clip_retrieval
from cmr.sources.hf import read_hf
from cmr.sources.npyfile import load_npy
from tests.sources.test_formats import CAPTIONS, EXPECTED, NAMES, PICTURES, seen


def test_clip_retrieval(tmp_path):
    rng = np.random.default_rng(0)
    rows = [3, 2]
    for side in ("img_emb", "text_emb"):
        (tmp_path / side).mkdir()
        for shard, count in enumerate(rows):
            array = rng.standard_normal((count, 8)).astype(np.float16)
            np.save(tmp_path / side / f"{side}_{shard}.npy", array)
    plain = read_clip_retrieval(str(tmp_path))
    assert len(plain.visuals) == len(plain.texts) == 5
    (tmp_path / "metadata").mkdir()
    paths = [["a.jpg", "a.jpg", "b.jpg"], ["c.jpg", "a.jpg"]]
    for shard, names in enumerate(paths):
        table = pa.table({"image_path": names, "caption": [f"of {name}" for name in names]})
        pq.write_table(table, tmp_path / "metadata" / f"metadata_{shard}.parquet")
    with pytest.raises(CmrError, match=r"_0\.parquet: row 1 has the visual 'a\.jpg' of .*: row 0"):
        read_clip_retrieval(str(tmp_path))
    vectors = rng.standard_normal((3, 8)).astype(np.float16)
    for shard, places in enumerate(([0, 0, 1], [2, 0])):
        rounded = vectors[places] * np.float16(1.001)
        np.save(tmp_path / "img_emb" / f"img_emb_{shard}.npy", rounded)
    found = read_clip_retrieval(str(tmp_path))
    assert seen(found) == {"a.jpg": ["of a.jpg"] * 3, "b.jpg": ["of b.jpg"], "c.jpg": ["of c.jpg"]}
    assert found.vectors["visual", 8].shape == (3, 8)
    (tmp_path / "text_emb" / "text_emb_1.npy").unlink()
    with pytest.raises(CmrError, match=r"img_emb_1\.npy and lacks text_emb/text_emb_1\.npy"):
        read_clip_retrieval(str(tmp_path))


def clip_retrieval(root, names, side="img_emb", **columns):
    """Shards of one row each, called by `names`; `columns` make the metadata of each."""
    (root / side).mkdir(parents=True, exist_ok=True)
    for n, name in enumerate(names):
        place = n // 2 if side == "img_emb" else n
        np.save(root / side / f"{side}_{name}.npy", np.eye(1, 16, place, dtype=np.float32))
        if columns:
            (root / "metadata").mkdir(exist_ok=True)
            table = pa.table({key: [values[n]] for key, values in columns.items()})
            pq.write_table(table, root / "metadata" / f"metadata_{name}.parquet")


def test_clip_retrieval_finds_what_belongs_together_by_name(tmp_path):
    """Padded from ten shards on, or not, or by no number: the same collection, in one order."""
    paths = [f"{n // 2}.jpg" for n in range(12)]
    told = {"image_path": paths, "caption": [f"caption {n}" for n in range(12)]}
    found = {}
    for kind in ("{}", "{:02}", "{:05}", "part-{}-of-12"):
        names = [kind.format(n) for n in range(12)]
        clip_retrieval(tmp_path / kind, names, **told)
        clip_retrieval(tmp_path / kind, names, "text_emb")
        found[kind] = read_clip_retrieval(str(tmp_path / kind))
        assert seen(found[kind]) == {
            f"{n}.jpg": [f"caption {2 * n}", f"caption {2 * n + 1}"] for n in range(6)
        }
    for other in found.values():
        assert (other.texts, other.visuals, other.judgments) == (
            found["{}"].texts, found["{}"].visuals, found["{}"].judgments,
        )  # fmt: skip
        for key, array in other.vectors.items():
            assert np.array_equal(array, found["{}"].vectors[key])


def test_clip_retrieval_misses_no_companion(tmp_path):
    names = [f"{n:02}" for n in range(11)]
    clip_retrieval(tmp_path, names, image_path=names, caption=names)
    clip_retrieval(tmp_path, names, "text_emb")
    read_clip_retrieval(str(tmp_path))
    for missing in ("metadata/metadata_03.parquet", "text_emb/text_emb_07.npy",
                    "img_emb/img_emb_10.npy"):  # fmt: skip
        data = (tmp_path / missing).read_bytes()
        (tmp_path / missing).unlink()
        with pytest.raises(CmrError, match=f"lacks {missing}"):
            read_clip_retrieval(str(tmp_path))
        (tmp_path / missing).write_bytes(data)
    np.save(tmp_path / "text_emb/text_emb_04.npy", np.ones((2, 16), np.float32))
    with pytest.raises(CmrError, match=r"img_emb_04.npy has 1 row and .*text_emb_04.npy 2"):
        read_clip_retrieval(str(tmp_path))
    np.save(tmp_path / "img_emb/img_emb_04.npy", np.ones((2, 16), np.float32))
    with pytest.raises(CmrError, match=r"metadata_04.parquet has 1 row and .*text_emb_04.npy 2"):
        read_clip_retrieval(str(tmp_path))


def test_arrays(tmp_path):
    rng = np.random.default_rng(0)
    text, visual = (rng.standard_normal((n, 6)).astype(np.float32) for n in (4, 3))
    np.save(tmp_path / "t.npy", text)
    head = np.array([3, 6], dtype="<u4").tobytes()
    (tmp_path / "v.fbin").write_bytes(head + visual.tobytes())
    files = str(tmp_path / "t.npy"), str(tmp_path / "v.fbin")
    np.save(tmp_path / "one.npy", np.array([0, 1, 2, 0]))
    np.save(tmp_path / "two.npy", np.array([[0, 0], [1, 1], [2, 2], [3, 0]]))
    (tmp_path / "p.csv").write_text("text,visual,relevance\n0,0,1\n1,1,1\n2,2,1\n3,0,1\n")
    for name in ("one.npy", "two.npy", "p.csv"):
        found = read_arrays(*files, str(tmp_path / name))
        assert [(j.text_id, j.visual_id) for j in found.judgments] == [
            ("0", "0"), ("1", "1"), ("2", "2"), ("3", "0"),
        ]  # fmt: skip
    np.testing.assert_array_equal(found.vectors["visual", 6], visual)
    with pytest.raises(CmrError, match="--pairs must say which belong together"):
        read_arrays(*files)
    (tmp_path / "p.csv").write_text("text,visual\n0,3\n")
    with pytest.raises(
        CmrError, match=r"row 0 \(line 2\) is \(0, 3\), outside the 4 texts and 3 visuals"
    ):
        read_arrays(*files, str(tmp_path / "p.csv"))
    (tmp_path / "v.fbin").write_bytes(head + visual.tobytes()[:-4])
    with pytest.raises(CmrError, match="has 76 bytes, expected 80"):
        load_npy(files[1])
    np.save(tmp_path / "t.npy", np.array([{}], dtype=object), allow_pickle=True)
    with pytest.raises(CmrError, match="nothing is ever unpickled"):
        load_npy(files[0])


def test_hf(tmp_path):
    images = [{"bytes": PICTURES[name], "path": f"{name}.png"} for name in NAMES]
    table = pa.table({"image": images, "caption": CAPTIONS, "id": NAMES})
    for shard, rows in enumerate((slice(0, 2), slice(2, 3))):
        part = table.slice(rows.start, rows.stop - rows.start)
        pq.write_table(part, tmp_path / f"test-0000{shard}-of-00002.parquet")
    found = read_hf(str(tmp_path), split="test", id_column="id")
    assert seen(found) == EXPECTED
    assert [item.item_id for item in found.visuals] == NAMES
    with pytest.raises(CmrError, match="no split 'dev'; it has test"):
        read_hf(str(tmp_path), split="dev")
    with pytest.raises(CmrError, match="lacks the column 'x'"):
        read_hf(str(tmp_path), image_column="x")
    (tmp_path / "test-00000-of-00002.parquet").unlink()
    with pytest.raises(CmrError, match=r"there is no file .*test-00000-of-00002\.parquet"):
        read_hf(str(tmp_path), split="test", id_column="id")
    assert len(read_hf(str(tmp_path), split="test-00001", id_column="id").visuals) == 1


def test_hf_vectors(tmp_path):
    rng = np.random.default_rng(0)
    a, b = (rng.standard_normal((5, 4)).astype(np.float32) for _ in range(2))
    table = pa.table({"caption": list("abcde"), "i": list(a), "t": list(b)})
    pq.write_table(table, tmp_path / "x.parquet")
    found = read_hf(str(tmp_path), image_vectors="i", text_vectors="t")
    np.testing.assert_array_equal(found.vectors["visual", 4], a)
    np.testing.assert_array_equal(found.vectors["text", 4], b)
    with pytest.raises(CmrError, match="go together"):
        read_hf(str(tmp_path), image_vectors="i")
