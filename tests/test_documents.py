"""What the documents and --help say is there."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from cmr.cli.main import COMMANDS

ROOT = Path(__file__).parent.parent
DOCUMENTS = [
    "README.md",
    "CONTRIBUTING.md",
    "warehouse/README.md",
    *map(str, (ROOT / "docs").glob("*.md")),
]


@pytest.mark.parametrize("name", DOCUMENTS)
def test_links_and_files(name):
    path = ROOT / name
    for target in re.findall(r"\]\(([^)#:]+)\)", path.read_text()):
        assert (path.parent / target).exists(), target
    for target in re.findall(r"`((?:cmr|sql|tests|docs|training)/[\w/.]+\.\w+)`", path.read_text()):
        assert "NAME" in target or (ROOT / target).exists(), target


# Groups, whose options are those of a subcommand.
GROUPS = ("ingest", "runs", "warehouse", "export")


PAGES = sorted(f"docs/{path.name}" for path in (ROOT / "docs").glob("*.md"))


@pytest.mark.parametrize("name", ["README.md", *PAGES])
def test_commands_have_their_options(name, cmr):
    """Every `cmr …` line of the README and of docs/ names options that the command has."""
    text = (ROOT / name).read_text().replace("\\\n", " ")
    lines = re.findall(r"^    (cmr \w.*)$", text, re.M) + re.findall(r"`(cmr \w[^`]*)`", text)
    assert name != "README.md" or len(lines) > 10
    for line in lines:
        words = re.sub(r"[\"'(),;]", " ", line).split()
        within = words[1] in GROUPS and words[2:3] and words[2].islower()
        command = words[1:3] if within else words[1:2]
        known = cmr(*command, "--help").stdout
        if command != ["ingest"]:
            for option in (word for word in words if word.startswith("--")):
                assert option in known, line


def test_every_command_has_help_with_an_example(cmr):
    for name in COMMANDS:
        assert f"cmr {name}" in cmr(name, "--help").stdout
    assert "0.1.0" in cmr("--version").stdout
    assert "_CMR_COMPLETE" in cmr("completion", "bash").stdout


def test_help_is_quick_and_imports_no_torch():
    """Asking for help, or the same work again, does not wait for torch."""
    import subprocess
    import sys

    code = (
        "import sys\nfrom click.testing import CliRunner\nfrom cmr.cli.main import main\n"
        "CliRunner().invoke(main, ['evaluate', '--help'])\nprint('torch' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"


def test_nobody_is_told_to_install_another_s_package():
    """The package called cmr on PyPI is not this one: a checkout is installed, by its path."""
    here = Path(__file__).parent.parent
    texts = [
        path
        for pattern in ("*.md", "docs/*.md", "docs/*.ipynb", "cmr/**/*.py", "bench/*", "training/*")
        for path in here.glob(pattern)
        if path.is_file()
    ]
    assert len(texts) > 200
    wrong = re.compile(r"(install|add|run|x)\b[^\n`]*[\s\"'\\](cmr(\[|[\s\"'`\\=<>~]|$))")
    for path in texts:
        for line in path.read_text(encoding="utf-8").splitlines():
            found = wrong.search(line) if "pip" in line or "uv" in line else None
            assert found is None, (path, line)
    assert re.search(wrong, 'pip install "cmr[s3,ray]"')
    assert re.search(wrong, "pip install cmr")
    assert not re.search(wrong, "pip install '.[ray]'")
