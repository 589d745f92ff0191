"""Ids and captions beside vectors, in every form of file, and files that do not fit."""

from __future__ import annotations

import json

import numpy as np
import polars as pl
import pytest

from cmr.errors import CmrError
from cmr.sources.arrays import read_arrays
from cmr.sources.labels import read_captions, read_ids
from cmr.sources.npz import read_npz
from tests.conftest import npz_arrays

IDS = ["007", "7", "a b%", "ünï 🦊"]


def written(tmp_path, form, values=IDS, column="item_id"):
    path = tmp_path / f"l.{form}"
    if form == "npy":
        np.save(path, np.array(values))
    elif form == "json":
        path.write_text(json.dumps(values))
    elif form in ("txt", "ids"):
        path.write_bytes("\r\n".join(map(str, values)).encode("utf-8-sig") + b"\n")
    else:
        table = pl.DataFrame({"row": range(len(values)), column: values})
        {"csv": table.write_csv, "parquet": table.write_parquet, "jsonl": table.write_ndjson,
         "tsv": lambda path: table.write_csv(path, separator="\t")}[form](path)  # fmt: skip
    return str(path)


@pytest.mark.parametrize("form", ["npy", "json", "txt", "ids", "csv", "tsv", "parquet", "jsonl"])
def test_every_form(tmp_path, form):
    assert read_ids(written(tmp_path, form), "text", 4) == IDS
    assert read_ids(written(tmp_path, form, column="image_id"), "visual", 4) == IDS
    assert read_captions(written(tmp_path, form, column="caption"), 4) == IDS
    assert read_ids(written(tmp_path, form, [3, 1, 2]), "text", 3) == ["3", "1", "2"]


def test_captions_may_be_empty_or_look_like_lists(tmp_path):
    told = ['["a", "b"]', None, " x "]
    assert read_captions(written(tmp_path, "json", told), 3) == told
    (tmp_path / "l.txt").write_bytes(b"a\x0cb\n\nc\xc2\x85d")
    assert read_captions(str(tmp_path / "l.txt"), 3) == ["a\x0cb", None, "c\x85d"]


@pytest.mark.parametrize(
    ("form", "values", "said"),
    [
        ("json", IDS[:3], "has 3 text ids, expected 4: one per row"),
        ("txt", ["a", "b", "c", "b"], "rows 1 and 3 both have the id 'b'"),
        ("txt", ["a", "", "c", "d"], "row 1 is '', expected an id"),
        ("json", ["1", 1, "2", "3"], "rows 0 and 1 both have the id '1'"),
        ("json", ["a", "b", 1.5, "d"], "row 2 is 1.5, expected an id"),
        ("json", ["a", "b", "c", None], "row 3 is None, expected an id"),
        ("json", {"a": 1}, "holds a dict, expected a list"),
        ("npy", [1.0, 2.0, 3.0, 4.0], "expected strings or whole numbers"),
        ("npy", [["a"], ["b"], ["c"], ["d"]], "expected strings or whole numbers"),
    ],
)
def test_what_does_not_fit(tmp_path, form, values, said):
    with pytest.raises(CmrError, match=f"l.{form}.*{said}"):
        read_ids(written(tmp_path, form, values), "text", 4)


def test_files_that_are_none(tmp_path):
    for name in ("no.txt", "no.npy", "no.csv", "no.json"):
        with pytest.raises(CmrError, match="there is no file"):
            read_ids(str(tmp_path / name), "text", 4)
    with pytest.raises(CmrError, match=r"none of the columns item_id, .* it has row, name"):
        read_ids(written(tmp_path, "csv", column="name"), "text", 4)
    np.save(tmp_path / "o.npy", np.array([{}]), allow_pickle=True)
    with pytest.raises(CmrError, match="nothing is ever unpickled"):
        read_ids(str(tmp_path / "o.npy"), "text", 1)
    (tmp_path / "l.txt").write_bytes(b"\xff")
    with pytest.raises(CmrError, match="not UTF-8 text: line 1"):
        read_ids(str(tmp_path / "l.txt"), "text", 1)
    with pytest.raises(CmrError, match="row 0 holds 5, an int, where a caption is expected"):
        read_captions(written(tmp_path, "json", [5]), 1)


def test_arrays_and_npz_take_them(tmp_path, npz):
    """In the file itself or beside it; what is beside it comes first."""
    rng = np.random.default_rng(0)
    for name, rows in (("t", 4), ("v", 2)):
        np.save(tmp_path / f"{name}.npy", rng.standard_normal((rows, 3)))
    np.save(tmp_path / "p.npy", np.array([0, 1, 1, 0]))
    files = [str(tmp_path / name) for name in ("t.npy", "v.npy", "p.npy")]
    (tmp_path / "v.txt").write_text("x\ny\n")
    labels = written(tmp_path, "json")
    found = read_arrays(*files, labels, str(tmp_path / "v.txt"), labels)
    assert [item.text for item in found.texts] == IDS
    assert [(j.text_id, j.visual_id) for j in found.judgments] == list(
        zip(IDS, "xyyx", strict=True)
    )

    rows, truth = 60, npz_arrays()["ground_truth"].tolist()
    names = np.array([f"t {n}" for n in range(rows)])
    own = npz(ids_text=names, ids_video=np.arange(30) + 100, captions=np.char.add("of ", names))
    found = read_npz(str(own))
    assert [(item.item_id, item.text) for item in found.texts][7] == ("t 7", "of t 7")
    assert [j.visual_id for j in found.judgments] == [str(100 + visual) for visual in truth]
    beside = written(tmp_path, "txt", [f"b{n}" for n in range(rows)])
    assert read_npz(str(own), text_ids=beside).texts[7].item_id == "b7"
    for wrong, said in (
        ({"ids_text": names[:5]}, "ids_text has 5 text ids, expected 60"),
        ({"ids_video": np.zeros(30, dtype=int)}, "rows 0 and 1 both have the id '0'"),
        ({"captions": np.zeros(60)}, "captions has type float64"),
    ):
        with pytest.raises(CmrError, match=said):
            read_npz(str(npz(**wrong)))


def test_eccv_captions_judgments_apply_without_renumbering(cmr, npz, tmp_path):
    """Vectors with the ids of their data set, then judgments that name those."""
    texts, visuals = [900_000 + n for n in range(60)], [f"COCO_{n}" for n in range(30)]
    beside = {"--text-ids": texts, "--visual-ids": visuals}
    options = []
    for option, values in beside.items():
        (tmp_path / option).write_text("\n".join(map(str, values)))
        options += [option, tmp_path / option]
    cmr("ingest", "npz", npz(), *options, "-w", tmp_path / "w", "--dataset", "d")
    judged = {str(texts[n]): [visuals[n % 30], visuals[(n + 1) % 30]] for n in range(60)}
    (tmp_path / "eccv.json").write_text(json.dumps(judged))
    said = cmr("ingest", "qrels", tmp_path / "eccv.json", "-w", tmp_path / "w").stderr
    assert "120 judgments 'eccv', queries: 60 t2v" in said
