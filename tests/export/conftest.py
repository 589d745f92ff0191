"""Two small evaluated warehouses: one in the published layout, one with every oddity of ids."""

from __future__ import annotations

import numpy as np
import pytest
from click.testing import CliRunner

import cmr as package
from cmr.cli.main import main
from tests.conftest import npz_arrays

TEXTS, VISUALS, DIM = 70, 40, 24


def run(*args, code=0):
    result = CliRunner().invoke(main, [str(arg) for arg in args])
    if result.exception and not isinstance(result.exception, SystemExit):
        raise result.exception
    assert result.exit_code == code, (args, result.stdout, result.stderr)
    return result


@pytest.fixture(scope="session")
def published(once):
    """60 texts, 30 visuals, 16 and 40 dimensions; visuals that tie, visuals without a text."""

    def fill(folder):
        np.savez(folder / "data.npz", **npz_arrays())
        run("ingest", "npz", folder / "data.npz", "--dataset", "d", "-w", folder / "w")
        run("evaluate", "-w", folder / "w", "--dims", "16,40", "--precisions", "fp32,fp16,int8,b1",
            "--candidates", "10,20", "--k", "1,3,10", "--device", "cpu")  # fmt: skip

    return once("published", fill) / "w"


@pytest.fixture(scope="session")
def odd(once):
    """Ids with spaces, quotes, % and beyond ASCII; several visuals a text; no ties."""
    return str(once("odd", _fill_odd) / "w")


def _fill_odd(folder):
    rng = np.random.default_rng(5)
    root = str(folder / "w")
    visuals = rng.standard_normal((VISUALS, DIM))
    truth = np.unique(
        np.column_stack([np.repeat(np.arange(TEXTS), 2), rng.integers(0, VISUALS, 2 * TEXTS)]),
        axis=0,
    )
    first = truth[np.unique(truth[:, 0], return_index=True)[1], 1]
    texts = visuals[first] + 1.5 * rng.standard_normal((TEXTS, DIM))
    package.open(root, create=True).ingest_arrays(
        texts.astype(np.float32), visuals.astype(np.float32), truth,
        dataset="odd data", model="m/x",
        text_ids=[f"text {n} 100%" for n in range(TEXTS)],
        visual_ids=[f'图 "{n}",\t.jpg' for n in range(VISUALS)],
    )  # fmt: skip
    run("evaluate", "-w", root, "--dims", DIM, "--precisions", "fp32,int8", "--protocols", "full",
        "--k", "1,5,10")  # fmt: skip
