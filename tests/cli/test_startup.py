"""What commands import: nothing heavy that they have no use for."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest

HEAVY = ("pandas", "torch", "polars", "matplotlib", "numba", "scipy.linalg")
# Tells, when the command has ended, which of them are there.
CODE = f"""
import atexit, json, sys
def tell():
    print(json.dumps([name for name in {HEAVY} if name in sys.modules]), file=sys.stderr)
atexit.register(tell)
from cmr.cli.main import main
main()
"""
SETTINGS = ("--candidates", "10,20")


def imported(*arguments: str) -> set[str]:
    done = subprocess.run(
        [sys.executable, "-c", CODE, *arguments], capture_output=True, text=True, check=True
    )
    return set(json.loads(done.stderr.splitlines()[-1]))


@pytest.mark.slow
@pytest.mark.parametrize(
    "command",
    [
        ("sql", "select 1"),
        ("sql", "from leaderboard"),
        ("sql", "select started_at from runs"),
        ("recommend",),
        ("compare", "dim=40,precision=fp32", "dim=40,precision=int8"),
        ("doctor",),
        ("evaluate", *SETTINGS, "--dims", "40", "--precisions", "fp32,int8"),
    ],
    ids=lambda command: " ".join(command[:2]),
)
def test_reading_imports_nothing_heavy(evaluated_with, command):
    root = evaluated_with(*SETTINGS, "--dims", "40", "--precisions", "fp32,int8")
    assert imported(*command, "-w", str(root)) == set()


@pytest.mark.slow
@pytest.mark.parametrize(
    ("options", "needed"),
    [
        (("--protocols", "full"), set()),
        # Pools are drawn by a compiled function.
        (SETTINGS, {"numba"}),
        ((*SETTINGS, "--device", "cpu"), {"numba", "torch"}),
    ],
)
def test_evaluating_imports_what_it_needs(evaluated_with, options, needed):
    root = evaluated_with(*SETTINGS, "--dims", "40", "--precisions", "fp32,int8")
    found = imported("evaluate", *options, "--precisions", "b1", "--dims", "40", "-w", str(root))
    assert found == needed


def test_a_frame_can_be_had_afterwards():
    code = """
import sys
from cmr.cli.startup import without_pandas
without_pandas()
import pyarrow as pa
table = pa.table({"a": [1, 2]})
assert "pandas" not in sys.modules
assert list(table.to_pandas()["a"]) == [1, 2]
"""
    subprocess.run([sys.executable, "-c", code], check=True)


@pytest.mark.slow
def test_products_of_matrices_can_be_compiled_afterwards():
    code = """
import sys
from cmr.cli.startup import without_blas
without_blas()
import numba
import numpy as np
from cmr.score.cpu.exact_scores import code_dots
codes, at = np.ones((3, 4), dtype=np.int8), np.arange(3)
assert list(code_dots(codes, codes, at, at)) == [4, 4, 4]
assert "scipy.linalg" not in sys.modules
product = numba.njit(lambda a: np.dot(a, a))
assert product(np.full((2, 2), 3.0)).tolist() == [[18.0, 18.0]] * 2
assert numba.njit(lambda a: np.cov(a))(np.arange(6.0).reshape(2, 3)).tolist() == [[1.0, 1.0]] * 2
import scipy.linalg
"""
    subprocess.run([sys.executable, "-c", code], check=True)


@pytest.mark.slow
def test_the_compiler_comes_when_it_is_asked_for():
    code = """
import sys
from cmr.cli.startup import without_compiler
without_compiler()
import torch, torchvision
assert not {"torch._dynamo", "torch._dynamo.utils"} & set(sys.modules)
from torchvision.ops import roi_align
boxes = [torch.tensor([[0.0, 0.0, 3.0, 3.0]])]
assert roi_align(torch.ones(1, 1, 4, 4), boxes, 2).tolist() == [[[[1.0, 1.0], [1.0, 1.0]]]]
module = sys.modules["torchvision.ops.roi_align"]
assert module.is_compile_supported("cpu") is True
from torch._dynamo.utils import is_compile_supported
assert is_compile_supported("cpu") is True
"""
    subprocess.run([sys.executable, "-c", code], check=True)


def test_a_stand_in_that_nobody_asks_is_taken_away():
    """As where a version of torchvision has no use for the compiler."""
    code = """
import sys
from cmr.cli.startup import without_compiler
without_compiler()
finder = sys.meta_path[0]
finder.find_spec("torchvision.ops.roi_align", None)
assert "torch._dynamo.utils" in sys.modules
finder.find_spec("torchvision.ops.roi_pool", None)
assert "torch._dynamo.utils" not in sys.modules
"""
    subprocess.run([sys.executable, "-c", code], check=True)


ENDING = """
import atexit, sys, threading, time
from cmr.cli.startup import leave
class Kept:
    def __del__(self):
        print("taken apart")
kept = Kept()
atexit.register(print, "at exit")
{before}
print("said", end=" ")
leave(SystemExit({code}))
"""


@pytest.mark.parametrize(
    ("before", "code", "said", "left"),
    [
        ("", 0, "said at exit\n", 0),
        ("", None, "said at exit\n", 0),
        ("", 3, "said at exit\n", 3),
        # As Python ends by itself.
        ("", "'why'", "said at exit\ntaken apart\n", 1),
        ("sys.setprofile(''.format)", 3, "said at exit\ntaken apart\n", 3),
        (
            "threading.Thread(target=lambda: (time.sleep(0.3), print('thread'))).start()",
            0,
            "said thread\nat exit\ntaken apart\n",
            0,
        ),
        (
            "threading.Thread(target=time.sleep, args=(60,), daemon=True).start()",
            0,
            "said at exit\n",
            0,
        ),
    ],
)
def test_a_command_leaves_at_once(before, code, said, left):
    text = ENDING.format(before=before, code=code)
    done = subprocess.run([sys.executable, "-c", text], capture_output=True, text=True)
    assert (done.stdout, done.returncode) == (said, left)


def test_what_cannot_be_written_at_the_end_is_told():
    text = "from cmr.cli.startup import leave\nprint('said')\nleave(SystemExit(0))"
    kept_back = {name: value for name, value in os.environ.items() if name != "PYTHONUNBUFFERED"}
    with open("/dev/full", "w") as full:
        done = subprocess.run(
            [sys.executable, "-c", text],
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
            env=kept_back,
        )
    assert done.returncode == 120
    assert "No space left" in done.stderr
