"""The charting runtime is bundled once, and what is kept of it is used only as it was written."""

from __future__ import annotations

import pytest
import vl_convert

from cmr.report.page.runtime import runtime


@pytest.fixture
def bundled(own_cache, monkeypatch):
    """The versions that were bundled, of a script that takes no time."""
    made = []

    def bundle(snippet, vl_version):
        made.append(vl_version)
        return f"{snippet} '</script>' 中"

    monkeypatch.setattr(vl_convert, "javascript_bundle", bundle)
    yield made
    runtime.cache_clear()


def again():
    runtime.cache_clear()
    return runtime()


def test_it_is_bundled_once(bundled):
    first = again()
    assert first == "window.vegaEmbed = vegaEmbed; '<\\/script>' 中"
    assert again() == first
    assert len(bundled) == 1


@pytest.mark.parametrize("damage", [b"alert(1)", b"", b"\xff"])
def test_what_is_not_as_it_was_written_is_bundled_again(bundled, own_cache, damage):
    first = again()
    (kept,) = own_cache.rglob("*.js")
    kept.write_bytes(damage)
    assert again() == first
    assert len(bundled) == 2


def test_another_version_of_what_bundles_it_has_its_own(bundled, monkeypatch):
    again()
    monkeypatch.setattr("importlib.metadata.version", lambda name: f"another {name}")
    again()
    assert len(bundled) == 2
