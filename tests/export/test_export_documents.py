"""docs/export.md: its lines run where no cmr is, and its table names every format."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from cmr.export.formats import OWN
from cmr.sqlfiles import views
from tests.export.conftest import run

PAGE = (Path(__file__).parent.parent.parent / "docs" / "export.md").read_text(encoding="utf-8")
# A process in which cmr cannot be imported.
_ALONE = """
import sys
sys.modules["cmr"] = None
try:
    import cmr
except ImportError:
    pass
else:
    raise SystemExit("cmr is there")
"""


def alone(code, folder):
    done = subprocess.run(
        [sys.executable, "-c", _ALONE + code], cwd=folder, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_the_page_names_every_format():
    table = PAGE[: PAGE.index("\nA file or folder")]
    assert set(re.findall(r"`([a-z0-9-]+)`", table)) >= set(OWN)


@pytest.mark.slow
def test_the_lines_of_each_reader(odd, tmp_path):
    """Three lines each, in a folder that has a warehouse."""
    (tmp_path / "warehouse").symlink_to(odd)
    run("export", "duckdb", "-w", odd, "-o", tmp_path / "cmr.duckdb")
    blocks = re.findall(r"```python\n(.*?)```", PAGE, re.S)
    assert len(blocks) == 5
    for block in blocks:
        assert len(list(filter(None, block.splitlines()))) == 3
        shown = alone(block, tmp_path)
        assert "query_id" in shown or "run_id" in shown, (block, shown)


_EVERY_VIEW = """
import duckdb, json
con = duckdb.connect("{name}", read_only=True)
con.execute("set threads = 1")
views = con.execute(
    "select view_name, comment from duckdb_views() where not internal and schema_name = 'main'"
).fetchall()
rows = {{}}
for name, comment in views:
    assert comment, name
    if not name.startswith("int_"):  # those are read through the others
        # Unlike con.sql this plans a view once.
        rows[name] = con.execute(f'from "{{name}}"').to_arrow_table().num_rows
lacking = con.execute(
    "select count(*) from duckdb_columns() "
    "where schema_name = 'main' and not internal and comment is null"
).fetchall()[0][0]
assert lacking == 0, lacking
rows["metrics_at(7)"] = con.execute("from metrics_at(7)").to_arrow_table().num_rows
rows["recommend()"] = con.execute("from recommend()").to_arrow_table().num_rows
print(json.dumps(rows))
"""


@pytest.mark.slow
def test_every_view_of_the_database(odd, tmp_path):
    """Attached and copied, in a process of DuckDB alone; the copy without the warehouse."""
    root = tmp_path / "moved"
    shutil.copytree(odd, root)
    run("export", "duckdb", "-w", root, "-o", tmp_path / "attached.duckdb")
    run("export", "duckdb", "-w", root, "--copy", "-o", tmp_path / "copy.duckdb")
    run("export", "duckdb", "-w", root, "--copy", "--no-vectors", "-o", tmp_path / "few.duckdb")
    attached = json.loads(alone(_EVERY_VIEW.format(name="attached.duckdb"), tmp_path))
    shutil.rmtree(root)
    copied = json.loads(alone(_EVERY_VIEW.format(name="copy.duckdb"), tmp_path))
    assert copied == attached
    names = {view.name for view in views() if not view.is_macro and view.name[:4] != "int_"}
    assert set(copied) == names | {"metrics_at(7)", "recommend()"}
    assert copied["embeddings"] > 100
    assert copied["leaderboard"] == 4
    assert not any(count for name, count in copied.items() if name.startswith("check_"))
    code = 'import duckdb; con = duckdb.connect("few.duckdb"); print(con.execute('
    code += (
        '"select (select count(*) from embeddings), (select count(*) from metrics)").fetchall())'
    )
    assert alone(code, tmp_path).strip() == f"[(0, {copied['metrics']})]"
    assert (tmp_path / "attached.duckdb").stat().st_size < 4_000_000


@pytest.mark.slow
def test_a_database_of_an_older_warehouse(evaluated_with, tmp_path):
    """One that lacks a table and columns which were added since."""
    root = evaluated_with("--dims", "40", "--precisions", "fp32,int8", "--candidates", "10")
    shutil.rmtree(root / "held_out_ranks")
    lately = ("fit_on", "fit_vectors", "folds", "centre", "balanced", "row_checksum")
    for path in [*root.glob("runs/*.parquet"), *root.glob("embedding_sets/*.parquet")]:
        table = pq.read_table(path)
        pq.write_table(table.drop([name for name in lately if name in table.column_names]), path)
    run("export", "duckdb", "-w", root, "-o", tmp_path / "older.duckdb")
    code = (
        "import duckdb; con = duckdb.connect('older.duckdb'); "
        "print([len(con.execute(f'select run_id from {name}').fetchall()) "
        "for name in ('runs', 'retention', 'evidence')])"
    )
    runs, kept, evidence = json.loads(alone(code, tmp_path))
    assert runs == 4
    assert kept == 4 * 19
    assert evidence == 2 * 120
