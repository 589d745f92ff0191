"""Errors that name what there is, and what may have been meant."""

from __future__ import annotations

import numpy as np
import pytest

from cmr.api.select import missing, select
from cmr.encode.models import check_open_clip, resolve
from cmr.errors import CmrError
from cmr.suggestions import suggestion
from tests import warehouses


def test_the_most_alike_name():
    assert suggestion("int3", ["fp32", "int8", "int4"]) in (
        "; did you mean int8?", "; did you mean int4?",
    )  # fmt: skip
    assert suggestion("scenes-TINY", ["scenes-tiny", "x"]) == "; did you mean scenes-tiny?"
    assert suggestion("zzz", ["fp32"]) == suggestion("x", []) == ""


RUNS = [
    {"run_id": f"{dim}{precision}", "dim": dim, "precision": precision, "model": "ViT-B-32/openai"}
    for dim, precision in ((256, "int8"), (512, "int8"), (512, "fp32"), (64, "fp32"))
]
MISSED = {
    "dim=999": "; dims here: 64, 256, 512",
    "precision=int8,dim=999": "; dims here: 64, 256, 512",
    "precision=int9": "; precisions here: fp32, int8; did you mean int8?",
    "dim=64,precision=int8": "; precisions with dim=64: fp32; did you mean",
    "model=ViT-B-99/openai": "; models here: ViT-B-32/openai; did you mean ViT-B-32/openai?",
    "oversample=4": "; values of oversample here: none",
}


@pytest.mark.parametrize("given", MISSED)
def test_the_values_that_there_are(given):
    with pytest.raises(CmrError) as refused:
        select(RUNS, given)
    said = str(refused.value)
    assert said.startswith(f"no run matches {given!r}")
    assert said.removeprefix(f"no run matches {given!r}").startswith(MISSED[given][:30])


def test_a_setting_that_there_is_not():
    with pytest.raises(CmrError, match=r"'dims' is not a setting .*; did you mean dim\?"):
        select(RUNS, "dims=512")
    assert missing([], {"dim": "5"}) == ""


def test_models_that_open_clip_does_not_know():
    with pytest.raises(CmrError, match=r"^unknown model ViT-B-99; did you mean ViT-B-"):
        resolve("ViT-B-99", None)
    with pytest.raises(CmrError, match=r"^unknown model ViT-B-99; did you mean ViT-B-"):
        check_open_clip("ViT-B-99", "openai")
    with pytest.raises(CmrError, match=r"has no weights 'openay'; there are .*did you mean openai"):
        check_open_clip("ViT-B-32", "openay")
    for known in ("laion2b_s34b_b79k", "LAION2B-s34b-b79k", __file__):
        check_open_clip("ViT-B/32", known)
    check_open_clip("hf-hub:someone/something")


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    made = warehouses.new(tmp_path_factory.mktemp("suggestions") / "w")
    relevance = np.eye(6, 5, dtype=int)
    warehouses.add_dataset(made, "scenes", relevance)
    warehouses.add_run(made, "r", "scenes", np.random.default_rng(0).random((6, 5)), relevance)
    return str(made.root)


COMMANDS = [
    (("evaluat",), 2, "did you mean evaluate?"),
    (("export", "tre"), 2, "did you mean trec?"),
    (("ingest", "coc"), 2, "did you mean coco?"),
    (("evaluate", "--dataset", "scene", "-w"), 1, "did you mean scenes?"),
    (("recommend", "--dataset", "scene", "-w"), 1, "data sets here: scenes; did you mean scenes?"),
    (("runs", "remove", "--model", "n", "--yes", "-w"), 1, "models here: m"),
    (("evaluate", "--scorer", "usearch-hnsv", "-w"), 2, "did you mean usearch-hnsw?"),
    (("compare", "dim=999", "dim=16", "-w"), 1, "no run matches 'dim=999'; dims here: 8"),
]


@pytest.mark.parametrize(("args", "code", "said"), COMMANDS)
def test_what_commands_say(cmr, root, args, code, said):
    given = [*args, root] if args[-1] == "-w" else args
    assert said in cmr(*given, code=code).stderr
