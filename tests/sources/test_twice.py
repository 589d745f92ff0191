"""Columns, keys and arrays that a file names twice; splits and shards named by wild patterns."""

from __future__ import annotations

import json
import time
import warnings
import zipfile

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from cmr.api.ingestion import ingest_source
from cmr.errors import CmrError
from cmr.sources.jsonfile import loads
from cmr.sources.shard_names import expand
from cmr.warehouse.layout import check_name
from tests.conftest import TOY
from tests.sources.test_no_files import png

ROWS = 4
NAMES = [f"{n}.png" for n in range(ROWS)]


def doubled(name, **columns):
    """A table that has the column `name` twice."""
    fields = [*columns.items(), (name, columns[name])]
    return pa.table([values for _, values in fields], names=[one for one, _ in fields])


def write(path, table):
    """A table in the format of the file's ending."""
    if path.suffix == ".parquet":
        pq.write_table(table, path)
    elif path.suffix == ".arrow":
        with pa.ipc.new_file(str(path), table.schema) as out:
            out.write_table(table)
    elif path.suffix in (".csv", ".tsv"):
        mark = "," if path.suffix == ".csv" else "\t"
        rows = [table.column_names, *zip(*(c.to_pylist() for c in table.columns), strict=True)]
        path.write_text("".join(mark.join(map(str, row)) + "\n" for row in rows))
    else:
        rows = zip(*(c.to_pylist() for c in table.columns), strict=True)
        lines = [
            "{"
            + ", ".join(
                f'"{n}": {json.dumps(v)}' for n, v in zip(table.column_names, row, strict=True)
            )
            + "}"
            for row in rows
        ]
        whole = "[" + ",".join(lines) + "]"
        path.write_text(whole if path.suffix == ".json" else "\n".join(lines) + "\n")
    return path


ENDINGS = (".parquet", ".arrow", ".csv", ".tsv", ".jsonl", ".json")


def refused(cmr, tmp_path, *command):
    error = cmr("ingest", *command, "-w", tmp_path / "w", code=1).stderr
    assert error.startswith("cmr: ")
    assert error.count("\n") == 1
    assert "differently" in error or "twice" in error
    assert not (tmp_path / "w").exists()
    return error


@pytest.mark.parametrize("ending", ENDINGS)
@pytest.mark.parametrize("name", ["image", "caption", "split"])
def test_pairs(cmr, tmp_path, ending, name):
    table = doubled(name, image=NAMES, caption=NAMES, split=["test"] * ROWS)
    path = write(tmp_path / f"c{ending}", table)
    assert repr(name) in refused(cmr, tmp_path, "pairs", path, "--images", tmp_path, *TOY)


@pytest.mark.parametrize("ending", ENDINGS)
def test_vectors_and_judgments(cmr, tmp_path, npz, ending):
    for side in "tv":
        np.save(tmp_path / f"{side}.npy", np.eye(ROWS, 8, dtype=np.float32))
    arrays = ("arrays", "--texts", tmp_path / "t.npy", "--visuals", tmp_path / "v.npy")
    rows = list(range(ROWS))
    for name in ("text", "visual", "relevance"):
        if ending == ".json":
            break
        table = doubled(name, text=rows, visual=rows, relevance=[1] * ROWS)
        path = write(tmp_path / f"pairs{ending}", table)
        assert repr(name) in refused(cmr, tmp_path, *arrays, "--pairs", path)
    path = write(tmp_path / f"ids{ending}", doubled("item_id", item_id=NAMES))
    if ending not in (".json", ".arrow"):
        refused(cmr, tmp_path, *arrays, "--text-ids", path)
    for name in ("text_id", "visual_id", "relevance"):
        table = doubled(name, text_id=rows, visual_id=rows, relevance=[1] * ROWS)
        path = write(tmp_path / f"q{ending}", table)
        assert repr(name) in refused(cmr, tmp_path, "qrels", path)


def test_folders_of_parquet(cmr, tmp_path):
    pictures = [{"bytes": png(n)} for n in range(ROWS)]
    vectors = np.eye(ROWS, 8, dtype=np.float32).tolist()
    told = {"image": pictures, "caption": NAMES, "own": NAMES, "iv": vectors, "tv": vectors,
            "split": ["test"] * ROWS}  # fmt: skip
    given = {"own": ("--id-column", "own"), "iv": ("--image-vectors", "iv", "--text-vectors", "tv")}
    for name in told:
        folder = tmp_path / f"hf-{name}"
        folder.mkdir()
        pq.write_table(doubled(name, **told), folder / "test.parquet")
        more = given["iv" if name == "tv" else name] if name in ("own", "iv", "tv") else ()
        refused(cmr, tmp_path, "hf", folder, *more, *TOY)
    fetched = {
        "key": NAMES,
        "caption": NAMES,
        "status": ["success"] * ROWS,
        "url": NAMES,
        "sha256": NAMES,
        "jpg": [png(n) for n in range(ROWS)],
        "split": ["test"] * ROWS,
    }
    for name in fetched:
        folder = tmp_path / f"i2d-{name}"
        folder.mkdir()
        pq.write_table(doubled(name, **fetched), folder / "0.parquet")
        refused(cmr, tmp_path, "img2dataset", folder, *TOY)
    metadata = {"image_path": NAMES, "caption": NAMES, "visual_id": NAMES, "text_id": NAMES,
                "uri": NAMES, "relevance": [1] * ROWS}  # fmt: skip
    for name in metadata:
        folder = tmp_path / f"cr-{name}"
        for part in ("img_emb", "text_emb"):
            (folder / part).mkdir(parents=True)
            np.save(folder / part / f"{part}_0.npy", np.eye(ROWS, 8, dtype=np.float32))
        (folder / "metadata").mkdir()
        pq.write_table(doubled(name, **metadata), folder / "metadata" / "metadata_0.parquet")
        refused(cmr, tmp_path, "clip-retrieval", folder)


def test_what_export_hf_wrote(cmr, tmp_path):
    items = {"item_id": NAMES, "embedding": np.eye(ROWS, 8, dtype=np.float32).tolist(),
             "text": NAMES, "scale": [1.0] * ROWS}  # fmt: skip
    judged = {"text_id": NAMES, "visual_id": NAMES, "relevance": [1] * ROWS}
    for side, name in (("texts", "item_id"), ("texts", "text"), ("visuals", "embedding"),
                       ("visuals", "scale"), ("qrels", "relevance")):  # fmt: skip
        folder = tmp_path / f"{side}-{name}"
        for part in ("texts", "visuals", "qrels"):
            (folder / part).mkdir(parents=True)
            columns = judged if part == "qrels" else items
            table = doubled(name, **columns) if part == side else pa.table(columns)
            pq.write_table(table, folder / part / "test.parquet")
        refused(
            cmr, tmp_path, "hf", folder, "--image-vectors", "embedding", "--text-vectors",
            "embedding",
        )  # fmt: skip


def test_arrays_of_an_npz(cmr, npz, tmp_path):
    path = npz()
    with warnings.catch_warnings(), zipfile.ZipFile(path, "a") as archive:
        warnings.simplefilter("ignore")
        archive.writestr("ground_truth.npy", archive.read("ground_truth.npy"))
    assert "2 arrays 'ground_truth'" in refused(cmr, tmp_path, "npz", path)


def test_keys_of_json(cmr, tmp_path):
    path = tmp_path / "q.json"
    path.write_text('{"1": ["2"], "1": ["3"]}')
    assert "the key '1' twice" in refused(cmr, tmp_path, "qrels", path)
    path.write_text('{"images": [], "images": [], "annotations": []}')
    refused(cmr, tmp_path, "coco", "--annotations", path, "--images", tmp_path, *TOY)
    assert loads('[{"a": 1}, {"a": 2}]') == [{"a": 1}, {"a": 2}]
    many = ", ".join(f'"{n}": 0' for n in range(200_000))
    begun = time.perf_counter()
    with pytest.raises(ValueError, match="the key '199999' twice"):
        loads(f'{{{many}, "199999": 0}}')
    assert time.perf_counter() - begun < 5


def test_a_field_twice_within_a_struct(cmr, tmp_path):
    """Python has no such dict; neither has anybody else a use for it."""
    words = pa.array(NAMES)
    struct = pa.StructArray.from_arrays([words, words], names=["raw", "raw"])
    pq.write_table(pa.table({"image": NAMES, "caption": struct}), tmp_path / "c.parquet")
    error = cmr(
        "ingest", "pairs", tmp_path / "c.parquet", "--images", tmp_path, *TOY, "-w", tmp_path / "w",
        code=1,
    ).stderr  # fmt: skip
    assert "the column 'caption' cannot be read" in error


WILD = ("**", "*", "?", "[", "..", "/etc", "a/b", "***", "test/**", "{0..9}")


@pytest.mark.parametrize("split", WILD)
def test_splits_are_no_patterns(cmr, tmp_path, split):
    (tmp_path / "hf").mkdir()
    table = pa.table({"image": [{"bytes": png(n)} for n in range(ROWS)], "caption": NAMES})
    pq.write_table(table, tmp_path / "hf" / "test-00000-of-00001.parquet")
    (tmp_path / "c.csv").write_text("image,caption,split\na.png,a,test\nb.png,b,train\n")
    for command in (("hf", tmp_path / "hf"), ("pairs", tmp_path / "c.csv")):
        error = cmr(
            "ingest", *command, *TOY, f"--split={split}", "-w", tmp_path / "w", code=1
        ).stderr
        assert "has no split" in error
        assert error.count("\n") == 1


SHARDS = [
    "{0..999999999}.tar", "{0..999}{0..999}{0..999}.tar", "{5..1}{0..99999999999999999}.tar",
    "{00.." + "9" * 5000 + "}.tar", "{0..0}" * 2000, "{0..9}/{0..999999}.tar",
]  # fmt: skip


@pytest.mark.parametrize("pattern", SHARDS, ids=lambda pattern: pattern[:24])
def test_patterns_are_bounded(cmr, tmp_path, pattern):
    begun = time.perf_counter()
    error = cmr("ingest", "webdataset", pattern, *TOY, "-w", tmp_path / "w", code=1).stderr
    assert "names more than 1,000,000 shards" in error
    assert len(error) < 500
    assert time.perf_counter() - begun < 5


def test_a_range_that_is_a_slip_ends_at_its_first_shard(tmp_path):
    begun = time.perf_counter()
    with pytest.raises(CmrError, match=r"there is no file .*0\.tar"):
        expand([f"{tmp_path}/{{0..999999}}.tar"])
    assert time.perf_counter() - begun < 5
    for name in ("a1", "a2", "b01", "b02"):
        (tmp_path / f"{name}.tar").touch()
    found = expand([f"{tmp_path}/a{{1..2}}.tar", f"{tmp_path}/b{{01..02}}.tar"])
    assert [path.rpartition("/")[2] for path in found] == ["a1.tar", "a2.tar", "b01.tar", "b02.tar"]


@pytest.mark.parametrize("text", ["a\0b", "\ud800"])
def test_texts_that_no_command_line_gives(tmp_path, text):
    """Python can give them, and JSON can hold them."""
    root = str(tmp_path / "w")
    for name, value in (("file", f"{tmp_path}/{text}.csv"), ("split", text), ("images", text)):
        given = {"file": str(tmp_path / "c.csv"), "model": "scenes-tiny", name: value}
        with pytest.raises(CmrError, match=f"{name} is .* NUL or is not valid Unicode"):
            ingest_source(root, "pairs", **given)
    with pytest.raises(CmrError):
        check_name("dataset", text)
    for side in "tv":
        np.save(tmp_path / f"{side}.npy", np.eye(2, 8, dtype=np.float32))
    given = {"texts": tmp_path / "t.npy", "visuals": tmp_path / "v.npy"}
    (tmp_path / "ids.json").write_text(json.dumps(["a", text]))
    if text != "a\0b":
        for option in ("text_ids", "visual_ids", "captions"):
            with pytest.raises(CmrError, match="not valid Unicode"):
                ingest_source(root, "arrays", **given, **{option: tmp_path / "ids.json"})
    for option in ("dataset", "model_name"):
        with pytest.raises(CmrError):
            ingest_source(root, "arrays", **given, **{option: text})
    assert not (tmp_path / "w").exists()


def test_judgments_whose_ids_are_no_unicode(cmr, tmp_path):
    for data in ({"\ud800": ["1"]}, {"1": ["\ud800"]}, {"1": {"\ud800": 1}}):
        (tmp_path / "q.json").write_text(json.dumps(data))
        error = cmr("ingest", "qrels", tmp_path / "q.json", "-w", tmp_path / "w", code=1).stderr
        assert "an id that is not valid Unicode" in error
