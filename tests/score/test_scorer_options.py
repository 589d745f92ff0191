"""An engine's options, as they are written on the command line."""

from __future__ import annotations

import pytest

from cmr.errors import CmrError
from cmr.pipeline.search import Search
from cmr.score.search.scorer_kinds import scorer_kind
from cmr.score.search.scorer_options import (
    ScorerOption,
    every_combination,
    split,
    with_effect,
    words,
)

KNOWN = (
    ScorerOption("factory", "Flat", "a description"),
    ScorerOption("m", 32, "edges", 2, 64),
    ScorerOption("ef", 16, "candidates", of_search=True),
    ScorerOption("share", 0.5, "a share", 0, 1),
    ScorerOption("opq", "yes", "whether", choices=("yes", "no")),
)


def combined(text):
    return [words(one) for one in every_combination("engine", KNOWN, split(text))]


def test_defaults_and_curves():
    assert combined(None) == combined("") == ["factory Flat m 32 ef 16 share 0.5 opq yes"]
    found = combined("m=4,ef=8,16,8, opq=no")
    assert found == [f"factory Flat m 4 ef {ef} share 0.5 opq no" for ef in (8, 16)]
    assert len(combined("m=2,4,ef=1,2,3")) == 6


def test_a_text_may_hold_commas():
    found = combined("factory=OPQ32_64,IVF8,PQ32x4fs,ef=64")
    assert found == ["factory OPQ32_64,IVF8,PQ32x4fs m 32 ef 64 share 0.5 opq yes"]
    assert [one.split(" m ")[0] for one in combined("factory=IVF8,Flat;HNSW16")] == [
        "factory IVF8,Flat", "factory HNSW16",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("x=1", "the scorer engine has no option 'x'; its options are factory, m, ef, share, opq"),
        ("m", "'m' does not read as key=value"),
        ("m=1", "option m is '1', which is not from 2 to 64"),
        ("m=2.5", "option m is '2.5', which is not a whole number"),
        ("m=4,m=8", "names m twice"),
        ("share=nan", "option share is 'nan', which is not from 0 to 1"),
        ("opq=maybe", "option opq is 'maybe', which is not one of yes, no"),
        ("factory=", "option factory is '', which is not a text"),
        ("ef=", "option ef is '', which is not a whole number"),
    ],
)
def test_what_is_wrong(text, said):
    with pytest.raises(CmrError, match=said):
        combined(text)


def test_a_scorer_without_options():
    with pytest.raises(CmrError, match="the scorer torch has no option 'm'; it has none"):
        every_combination("torch", (), {"m": "1"})


GRAPHED = (
    ScorerOption("index", "graph", "a kind", choices=("graph", "lists", "none")),
    ScorerOption("m", 16, "edges", when=lambda chosen: chosen["index"] == "graph"),
    ScorerOption("probes", 1, "lists", when=lambda chosen: chosen["index"] == "lists"),
)


def test_what_has_no_effect_is_refused():
    """Beside others that have one it is the default, so that no run comes twice."""

    def made(text):
        return every_combination("engine", GRAPHED, split(text))

    for text in ("probes=4", "index=lists,m=4", "index=none,m=16"):
        with pytest.raises(CmrError, match="the scorer engine has no use for its option"):
            made(text)
    assert [dict(one) for one in made("index=graph;lists,m=4,8,probes=2")] == [
        {"index": "graph", "m": 4, "probes": 1},
        {"index": "graph", "m": 8, "probes": 1},
        {"index": "lists", "m": 16, "probes": 2},
    ]


def test_what_of_several_scorers_options_one_uses():
    assert with_effect(GRAPHED, split("m=4,probes=2,other=1")) == {"m": "4"}
    assert with_effect(GRAPHED, split("index=graph;lists,probes=2")) == {
        "index": "graph;lists", "probes": "2",
    }  # fmt: skip
    assert with_effect((), {"m": "4"}) == {}


@pytest.mark.parametrize(
    ("scorer", "text", "said"),
    [
        ("faiss", "factory=Flat,nprobe=8", "no use for its option nprobe with factory Flat"),
        ("faiss", "factory=IVF8,Flat,ef=64", "option ef with factory IVF8,Flat nprobe 1"),
        ("faiss", "factory=IVF8_HNSW32,Flat,ef=64", "no use for its option ef"),
        ("lancedb", "index=none,nprobes=4", "no use for its option nprobes"),
        ("pgvector", "index=ivfflat,ef=40", "no use for its option ef"),
        ("pgvector", "oversample=4", "no use for its option oversample"),
        ("milvus-lite", "index=flat,m=8", "no use for its option m"),
        ("sqlite-vec", "oversample=2", "no use for its option oversample"),
        ("zvec", "index=flat,ef=10", "no use for its option ef"),
        ("qdrant-edge", "rescore=yes", "no use for its option rescore"),
    ],
)
def test_engines_refuse_what_they_would_not_use(scorer, text, said):
    with pytest.raises(CmrError, match=said):
        every_combination(scorer, scorer_kind(scorer).options, split(text))


def test_only_what_has_an_effect_is_said():
    assert Search("lancedb", options=_defaults("lancedb", index="none")).said == "index none"
    assert Search("faiss", options=_defaults("faiss")).said == "factory Flat"
    told = Search("pgvector", options=_defaults("pgvector", index="ivfflat")).said
    assert told == "type vector index ivfflat lists 100 dsn bundled probes 1"


def _defaults(scorer, **given):
    known = [one for one in scorer_kind(scorer).options if not one.of_filter]
    return tuple((one.name, given.get(one.name, one.default)) for one in known)
