"""The Dockerfile copies what a build needs, and .dockerignore lets it."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

ROOT = Path(__file__).parent.parent


def test_what_is_copied_is_there_and_is_all_that_a_build_needs():
    lines = re.findall(r"^COPY (.+) \S+$", (ROOT / "Dockerfile").read_text(), re.M)
    copied = {name for line in lines for name in line.split()}
    let = set(re.findall(r"^!(.+)$", (ROOT / ".dockerignore").read_text(), re.M))
    assert copied == let
    assert all((ROOT / name).exists() for name in copied)
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    needed = {project["project"]["readme"], *project["project"]["license-files"]}
    needed |= set(project["tool"]["hatch"]["build"]["only-include"])
    assert needed <= copied


def test_its_command_is_cmr():
    text = (ROOT / "Dockerfile").read_text()
    assert 'ENTRYPOINT ["cmr"]' in text
    assert "--constraint constraints.txt" in text.replace("\\\n", " ")
