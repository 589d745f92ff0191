"""Counting inside the product, without a GPU: the kernel is interpreted, and compiled."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("triton", reason="Triton comes with PyTorch on Linux alone")


@pytest.mark.slow
def test_by_the_interpreter():
    """In a process of its own: Triton is asked for its interpreter before it is imported."""
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:xdist", "-p", "no:cacheprovider",
         Path(__file__).with_name("interpreted.py")],
        env={**os.environ, "TRITON_INTERPRET": "1"}, capture_output=True, text=True,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout


POINTERS = {
    ("texts", "visuals"): None,
    ("text_scales", "visual_scales"): "*fp32",
    ("_start", "_found"): "*i64",
    ("_lowest", "_high", "_low"): "*fp32",
    ("_more", "_tied", "_doubts"): "*i32",
    ("height", "width", "dim", "capacity"): "i32",
}


@pytest.mark.slow
@pytest.mark.parametrize(
    ("kind", "chip", "unit"), [("bf16", 90, "wgmma"), ("i8", 90, "wgmma"), ("fp16", 80, "mma.sync")]
)
def test_compiles_for_gpus(kind, chip, unit):
    """To machine code, by Triton's own assembler, and to products on the matrix units."""
    import triton
    from triton.backends.compiler import GPUTarget
    from triton.compiler import ASTSource

    from cmr.score.device import triton_kernel

    integer = kind == "i8"
    constants = {
        "INTEGER": integer, "SCALED": integer, "SURE": False, "T2V": True, "V2T": True,
        "ROWS": triton_kernel.ROWS, "COLUMNS": triton_kernel.COLUMNS,
        "TOGETHER": triton_kernel.TOGETHER,
        "DEPTH": triton_kernel.DEPTH_BYTES // (1 if integer else 2),
    }  # fmt: skip
    kernel = triton_kernel.count_tiles
    types = {
        name: kinds or f"*{kind}"
        for name in kernel.arg_names
        for ends, kinds in POINTERS.items()
        if name.endswith(ends)
    }
    signature = {name: types.get(name, "constexpr") for name in kernel.arg_names}
    assert set(signature) - set(types) == set(constants)
    # As of vectors of 512 dimensions.
    aligned = {
        (place,): [["tt.divisibility", 16]]
        for place, name in enumerate(kernel.arg_names)
        if name in ("texts", "visuals", "dim")
    }
    places = {(kernel.arg_names.index(name),): value for name, value in constants.items()}
    made = triton.compile(
        ASTSource(kernel, signature, places, aligned),
        target=GPUTarget("cuda", chip, 32),
        options={
            "num_warps": triton_kernel.WARPS,
            "num_stages": triton_kernel.STAGES,
            "enable_fp_fusion": False,
        },
    )
    assert len(made.asm["cubin"]) > 10_000
    assert unit in made.asm["ptx"]
    # What every chip of that generation and its smaller kin have.
    assert made.metadata.shared <= 99 * 1024
