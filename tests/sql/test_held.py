"""Retention that is kept in the user's cache: the same rows, and none that do not fit."""

from __future__ import annotations

import pytest

from cmr import held
from cmr.answers import fetch
from cmr.materialised import open_for
from cmr.warehouse.schemas import RUNS
from cmr.warehouse.store import Store

pytestmark = pytest.mark.slow

SETTINGS = ("--candidates", "10,20", "--dims", "40,16", "--precisions", "fp32,int8")
QUERY = "from retention order by all"


@pytest.fixture
def store(evaluated_with):
    return Store.open(str(evaluated_with(*SETTINGS)))


def ask(store, monkeypatch):
    """The rows, and whether they were computed."""
    computed: list[object] = []
    con = open_for(store, "from retention")
    plain = fetch(con, QUERY)

    def counted(*asked):
        computed.append(asked)
        return fetch(*asked)

    monkeypatch.setattr(held, "fetch", counted)
    held.hold(con, store.storage, "retention")
    assert fetch(con, QUERY).schema == plain.schema
    rows = fetch(con, QUERY).to_pylist()
    for row, other in zip(rows, plain.to_pylist(), strict=True):
        for name, value in row.items():
            same = (
                pytest.approx(other[name], rel=1e-12) if isinstance(value, float) else other[name]
            )
            assert value == same
    return rows, bool(computed)


def test_what_is_kept_is_what_the_view_says(store, own_cache, monkeypatch):
    first, computed = ask(store, monkeypatch)
    assert first
    assert computed
    again, computed = ask(store, monkeypatch)
    assert again == first
    assert not computed


def test_a_damaged_file_is_not_read(store, own_cache, monkeypatch):
    ask(store, monkeypatch)
    (path,) = own_cache.glob("rows-*/retention-*.parquet")
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)
    assert ask(store, monkeypatch)[1]


def test_a_run_less_is_another_question(store, own_cache, monkeypatch):
    rows, _ = ask(store, monkeypatch)
    gone = next(row["run_id"] for row in rows if row["baseline"] != row["run_id"])
    store.remove(RUNS, gone)
    fewer, computed = ask(store, monkeypatch)
    assert computed
    assert gone not in {row["run_id"] for row in fewer}
