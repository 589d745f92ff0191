"""Counting inside the product, without a GPU: the kernel is interpreted, and compiled."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("triton", reason="Triton comes with PyTorch on Linux alone")


@pytest.mark.slow
@pytest.mark.parametrize("kernels", ["interpreted", "interpreted_screen"])
def test_by_the_interpreter(kernels):
    """In a process of its own: Triton is asked for its interpreter before it is imported."""
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:xdist", "-p", "no:cacheprovider",
         Path(__file__).with_name(f"{kernels}.py")],
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


def compile_for(kernel, chip, types, constants, warps, stages):
    """To machine code, by Triton's own assembler, as for vectors of 512 dimensions."""
    import triton
    from triton.backends.compiler import GPUTarget
    from triton.compiler import ASTSource

    signature = {name: types.get(name, "constexpr") for name in kernel.arg_names}
    assert set(signature) - set(types) == set(constants)
    wide = {"texts", "visuals", "text_codes", "visual_codes", "vectors", "codes", "dim", "wide"}
    aligned = {
        (place,): [["tt.divisibility", 16]]
        for place, name in enumerate(kernel.arg_names)
        if name in wide
    }
    places = {(kernel.arg_names.index(name),): value for name, value in constants.items()}
    made = triton.compile(
        ASTSource(kernel, signature, places, aligned),
        target=GPUTarget("cuda", chip, 32),
        options={"num_warps": warps, "num_stages": stages, "enable_fp_fusion": False},
    )
    # What every chip of that generation and its smaller kin have.
    assert made.metadata.shared <= 99 * 1024
    return made


def types_of(kernel, pointers):
    """Of a kernel's arguments, by the end of their name; the others are constants."""
    found = {}
    for name in kernel.arg_names:
        for ends, kind in pointers.items():
            if name.endswith(ends):
                found[name] = kind
    return found


@pytest.mark.slow
@pytest.mark.parametrize(
    ("kind", "chip", "unit"), [("bf16", 90, "wgmma"), ("i8", 90, "wgmma"), ("fp16", 80, "mma.sync")]
)
def test_compiles_for_gpus(kind, chip, unit):
    """To products on the matrix units."""
    from cmr.score.device import triton_kernel

    integer = kind == "i8"
    constants = {
        "INTEGER": integer, "SCALED": integer, "SURE": False, "T2V": True, "V2T": True,
        "ROWS": triton_kernel.ROWS, "COLUMNS": triton_kernel.COLUMNS,
        "TOGETHER": triton_kernel.TOGETHER,
        "DEPTH": triton_kernel.DEPTH_BYTES // (1 if integer else 2),
    }  # fmt: skip
    kernel = triton_kernel.count_tiles
    types = types_of(kernel, POINTERS | {("texts", "visuals"): f"*{kind}"})
    made = compile_for(kernel, chip, types, constants, triton_kernel.WARPS, triton_kernel.STAGES)
    assert len(made.asm["cubin"]) > 10_000
    assert unit in made.asm["ptx"]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("kind", "chip", "unit"), [("fp16", 90, "wgmma"), ("i8", 90, "wgmma"), ("fp16", 80, "mma.sync")]
)
def test_the_screen_compiles_for_gpus(kind, chip, unit):
    """To products on the matrix units."""
    from cmr.score.device import screen_launch as screen

    integer = kind == "i8"
    constants = {
        "INTEGER": integer, "T2V": True, "V2T": True, "ROWS": screen.ROWS,
        "COLUMNS": screen.COLUMNS, "TOGETHER": screen.TOGETHER,
        "DEPTH": screen.DEPTH_BYTES // (1 if integer else 2),
    }  # fmt: skip
    pointers = {
        ("_codes",): f"*{kind}",
        ("_terms", "_middle"): "*fp32",
        ("_half", "slack"): "fp32",
        ("_more", "marks", "found"): "*i32",
        ("_text", "_visual", "_texts", "_visuals", "room", "dim"): "i32",
    }
    kernel = screen.screen_tiles
    made = compile_for(
        kernel, chip, types_of(kernel, pointers), constants, screen.WARPS, screen.STAGES
    )
    assert unit in made.asm["ptx"]


@pytest.mark.slow
def test_what_surrounds_the_screen_compiles_for_gpus():
    """Codes before it, and what is in doubt after it."""
    from cmr.score.device import device_codes, settling_kernels
    from cmr.score.device import screen_launch as screen

    pointers = {
        ("texts", "visuals"): "*fp32",
        ("_high", "_low"): "*fp64",
        ("_more", "_tied", "cells", "listed"): "*i32",
        ("_slots", "room", "dim", "all_texts", "all_visuals"): "i32",
    }
    constants = {"T2V": True, "V2T": True, "CELLS": screen.CELLS, "VALUES": screen.VALUES}
    compile_for(
        settling_kernels.settle_cells,
        90,
        types_of(settling_kernels.settle_cells, pointers),
        constants,
        4,
        3,
    )
    pointers = {
        ("marks", "cells", "listed"): "*i32",
        ("rows", "words", "first_text", "first_visual", "room"): "i32",
    }
    compile_for(
        settling_kernels.list_cells,
        90,
        types_of(settling_kernels.list_cells, pointers),
        {"BLOCK": screen.WORDS},
        4,
        3,
    )
    pointers = {
        ("vectors", "mean", "other"): "*fp32",
        ("codes",): "*fp16",
        ("found",): "*fp64",
        ("count", "dim", "wide"): "i32",
    }
    constants = {
        "LARGEST": 1, "INTEGER": False, "SAME": False,
        "VECTORS": device_codes.VECTORS, "VALUES": device_codes.VALUES,
    }  # fmt: skip
    compile_for(device_codes._code, 90, types_of(device_codes._code, pointers), constants, 4, 3)
