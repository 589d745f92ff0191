"""Damaged inputs of every reader: read, with rejects or without, or refused in one sentence.

`make test` tries a few of fixed seed with each reader; `make test-all` 2,000.
"""

from __future__ import annotations

import io
import json
import random
import tarfile

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from cmr.errors import CmrError
from cmr.sources.arrays import read_arrays
from cmr.sources.clipretrieval import read_clip_retrieval
from cmr.sources.coco import read_coco
from cmr.sources.collection import check
from cmr.sources.hf import read_hf
from cmr.sources.img2dataset import read_img2dataset
from cmr.sources.karpathy import read_karpathy
from cmr.sources.mteb import read_mteb
from cmr.sources.npz import read_npz
from cmr.sources.pairs import read_pairs
from cmr.sources.qrels import read_qrels
from cmr.sources.runlists import read_run
from cmr.sources.source_kinds import OWN
from cmr.sources.video import read_msrvtt, read_video
from cmr.sources.webdataset import read_webdataset
from tests.clips import make_clip
from tests.conftest import npz_arrays
from tests.faults.harness import ALL, SHARE
from tests.sources.test_formats import CAPTIONS, NAMES, PICTURES, add

CASES = max(1, int(SHARE * 2000)) if ALL else 12
TABLE = [
    {"image": f"{name}.png", "caption": caption, "split": "test"}
    for name, told in zip(NAMES, CAPTIONS, strict=True)
    for caption in told
]


def mutated(data, rng):
    """Some bytes cut, changed, doubled, moved, or replaced by what has a meaning somewhere."""
    data = bytearray(data)
    for _ in range(rng.choice((1, 1, 1, 2, 4))):
        at = rng.randrange(len(data) + 1)
        end = min(len(data), at + rng.randrange(1, 64))
        kind = rng.randrange(7)
        if kind == 0:
            del data[at:]
        elif kind == 1:
            del data[at:end]
        elif kind == 2 and at < len(data):
            data[at] ^= 1 << rng.randrange(8)
        elif kind == 3:
            data[at:at] = data[at:end]
        elif kind == 4:
            data[at:end] = bytes(end - at)
        elif kind == 5:
            data[at:at] = rng.choice(TOKENS)
        else:
            data[at:end] = rng.randbytes(end - at)
    return bytes(data)


TOKENS = (
    b"\0", b"\n", b'"', b",", b"{", b"]", b"\xff\xfe", b"\xed\xa0\x80", b"-1", b"1e400", b"NaN",
    b"99999999999999999999", b"null", b"[]", b"\r", b"\t", b"../../", b"/dev/zero",
)  # fmt: skip


def photos(folder):
    for name, data in PICTURES.items():
        (folder / f"{name}.png").write_bytes(data)
    return str(folder)


def lines(rows):
    return "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)


def separated(rows):
    out = io.StringIO()
    out.write(",".join(rows[0]) + "\n")
    for row in rows:
        out.write(",".join(json.dumps(value, ensure_ascii=False) for value in row.values()) + "\n")
    return out.getvalue()


def npz(folder):
    np.savez(folder / "a.npz", **npz_arrays(8, 6, (4, 8)))
    return lambda: read_npz(str(folder / "a.npz"))


def arrays(folder):
    text, visual = (np.random.default_rng(n).random((n, 6), np.float32) for n in (4, 3))
    np.save(folder / "t.npy", text)
    head = np.array([3, 6], dtype="<u4").tobytes()
    (folder / "v.fbin").write_bytes(head + visual.tobytes())
    np.save(folder / "p.npy", np.array([0, 1, 2, 0]))
    return lambda: read_arrays(*(str(folder / name) for name in ("t.npy", "v.fbin", "p.npy")))


def pairs(ending):
    def make(folder):
        path, where = folder / f"t.{ending}", photos(folder)
        if ending == "parquet":
            pq.write_table(pa.Table.from_pylist(TABLE), path)
        elif ending == "json":
            path.write_text(json.dumps(TABLE))
        else:
            path.write_text(lines(TABLE) if ending == "jsonl" else separated(TABLE))
        return lambda: read_pairs(str(path), where)

    return make


def coco(folder):
    where = photos(folder)
    images = [{"id": n, "file_name": f"{name}.png"} for n, name in enumerate(NAMES)]
    told = [
        {"id": 10 * n + m, "image_id": n, "caption": text}
        for n, captions in enumerate(CAPTIONS)
        for m, text in enumerate(captions)
    ]
    (folder / "c.json").write_text(json.dumps({"images": images, "annotations": told}))
    kinds = [{"id": n, "name": name, "supercategory": "thing"} for n, name in enumerate(NAMES)]
    objects = [{"id": n, "image_id": n, "category_id": n} for n in range(len(NAMES))]
    of = folder / "instances.json"
    of.write_text(json.dumps({"annotations": objects, "categories": kinds}))
    return lambda: read_coco(str(folder / "c.json"), where, instances=str(of))


def karpathy(folder):
    where = photos(folder)
    entries = [
        {
            "filename": f"{name}.png", "imgid": n, "split": "test",
            "sentences": [{"raw": text, "sentid": 10 * n + m} for m, text in enumerate(told)],
        }
        for n, (name, told) in enumerate(zip(NAMES, CAPTIONS, strict=True))
    ]  # fmt: skip
    (folder / "k.json").write_text(json.dumps({"images": entries}))
    return lambda: read_karpathy(str(folder / "k.json"), where)


def webdataset(folder):
    with tarfile.open(folder / "0.tar", "w") as tar:
        for n, (data, told) in enumerate(zip(PICTURES.values(), CAPTIONS, strict=True)):
            add(tar, f"{n:04}.png", data)
            add(tar, f"{n:04}.txt", "\n".join(told).encode())
            add(tar, f"{n:04}.json", json.dumps({"topic": told, "n": n}).encode())
    return lambda: read_webdataset([str(folder / "0.tar")])


def img2dataset(folder):
    rows = {
        "key": ["000000", "000001"], "caption": ["a", "b"], "status": ["success"] * 2,
        "error_message": [None, None],
    }  # fmt: skip
    with tarfile.open(folder / "00000.tar", "w") as tar:
        for key, data in zip(rows["key"], PICTURES.values(), strict=False):
            add(tar, f"{key}.jpg", data)
    pq.write_table(pa.table(rows), folder / "00000.parquet")
    return lambda: read_img2dataset(str(folder))


def clip_retrieval(folder):
    for side in ("img_emb", "text_emb"):
        (folder / side).mkdir()
        np.save(folder / side / f"{side}_0.npy", np.eye(3, 8, dtype=np.float16))
    (folder / "metadata").mkdir()
    table = pa.table({"image_path": ["a", "b", "c"], "caption": ["x", "y", "z"]})
    pq.write_table(table, folder / "metadata" / "metadata_0.parquet")
    return lambda: read_clip_retrieval(str(folder))


def hf(folder):
    images = [{"bytes": PICTURES[name], "path": f"{name}.png"} for name in NAMES]
    table = pa.table({"image": images, "caption": CAPTIONS, "id": NAMES})
    pq.write_table(table, folder / "test-00000-of-00001.parquet")
    return lambda: read_hf(str(folder), split="test", id_column="id")


def video(folder):
    (folder / "a.mp4").write_bytes(make_clip([10, 200]))
    (folder / "c.csv").write_text("video,caption\na.mp4,one\na.mp4,two\n")
    return lambda: read_video(str(folder / "c.csv"), str(folder))


def msrvtt(folder):
    (folder / "video0.mp4").write_bytes(make_clip([10, 200]))
    told = {
        "videos": [{"video_id": "video0", "split": "test"}],
        "sentences": [{"video_id": "video0", "caption": "one", "sen_id": 0}],
    }
    (folder / "m.json").write_text(json.dumps(told))
    return lambda: read_msrvtt(str(folder / "m.json"), str(folder))


def mteb(folder):
    (folder / "qrels").mkdir(exist_ok=True)
    images = [{"bytes": PICTURES[name], "path": None} for name in NAMES]
    pq.write_table(pa.table({"id": NAMES, "image": images}), folder / "corpus.parquet")
    rows = [{"_id": f"q{n}", "text": f"text {n}"} for n in range(len(NAMES))]
    (folder / "queries.jsonl").write_text("\n".join(map(json.dumps, rows)))
    pairs = "".join(f"q{n}\t{name}\t{n + 1}\n" for n, name in enumerate(NAMES))
    (folder / "qrels/test.tsv").write_text(f"query-id\tcorpus-id\tscore\n{pairs}")
    return lambda: read_mteb(str(folder))


def qrels(ending):
    def make(folder):
        path = folder / f"q.{ending}"
        rows = [{"query_id": f"q{n}", "item_id": f"i{n}", "relevance": n} for n in range(4)]
        if ending == "trec":
            path.write_text("".join(f"q{n} 0 i{n} {n}\n" for n in range(4)))
        elif ending == "json":
            path.write_text(json.dumps({"q0": ["i0", "i1"], "q1": ["i1"]}))
        elif ending == "parquet":
            pq.write_table(pa.Table.from_pylist(rows), path)
        else:
            path.write_text(separated(rows))
        return lambda: read_qrels(str(path))

    return make


def lists(ending):
    def make(folder):
        path = folder / f"r.{ending}"
        rows = [{"q_id": f"q{n}", "doc_id": f"i{n}", "score": n / 2} for n in range(4)]
        nested = {row["q_id"]: {row["doc_id"]: row["score"]} for row in rows}
        if ending == "trec":
            path.write_text("".join(f"q{n} Q0 i{n} {n} {n / 2} tag\n" for n in range(4)))
        elif ending == "json":
            path.write_text(json.dumps({"mteb_model_meta": {}, "default": {"test": nested}}))
        elif ending == "lz4":
            with pa.CompressedOutputStream(pa.OSFile(str(path), "wb"), "lz4") as out:
                out.write(json.dumps(nested).encode())
        else:
            pq.write_table(pa.Table.from_pylist(rows), path)
        return lambda: read_run(str(path))

    return make


READERS = {
    "npz": npz, "arrays": arrays, "coco": coco, "karpathy": karpathy, "webdataset": webdataset,
    "img2dataset": img2dataset, "clip-retrieval": clip_retrieval, "hf": hf, "video": video,
    "msrvtt": msrvtt, "mteb": mteb,
    **{f"pairs-{one}": pairs(one) for one in ("csv", "tsv", "jsonl", "json", "parquet")},
    **{f"qrels-{one}": qrels(one) for one in ("trec", "csv", "json", "parquet")},
    **{f"run-{one}": lists(one) for one in ("trec", "json", "lz4", "parquet")},
}  # fmt: skip


def use(found):
    """What an ingest does with what was read, but for encoding."""
    if not hasattr(found, "visuals"):
        return
    check(found)
    for visual in found.visuals:
        if found.reader is not None:
            try:
                found.reader.read(visual.uri)
            except (OSError, ValueError):
                # Becomes that item's reject.
                continue


@pytest.mark.timeout(3600)
@pytest.mark.parametrize("name", READERS)
def test_read_or_refused(name, tmp_path):
    origin, folder = tmp_path / "origin", tmp_path / "damaged"
    origin.mkdir()
    READERS[name](origin)
    files = sorted(path.relative_to(origin) for path in origin.rglob("*") if path.is_file())
    # Pictures and clips have tests of their own: what lists and holds them is damaged here.
    files = [path for path in files if path.suffix not in (".png", ".mp4")]
    folder.mkdir()
    read = READERS[name](folder)
    use(read())
    refused = 0
    for number in range(CASES):
        rng = random.Random(f"{name} {number}")
        path = rng.choice(files)
        (folder / path).write_bytes(mutated((origin / path).read_bytes(), rng))
        try:
            use(read())
        except (CmrError, OSError, MemoryError):
            # The command line says each of these in a sentence.
            refused += 1
        except Exception as error:
            raise AssertionError(f"case {number} of {name}: {error!r}") from error
        (folder / path).write_bytes((origin / path).read_bytes())
    print(f"{CASES} damaged inputs of {name}: {refused} refused")


def test_every_reader_is_here():
    assert set(OWN) - {"scenes", "pairs"} <= set(READERS)
