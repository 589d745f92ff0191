"""Rules of the code that no linter holds, read from its text."""

from __future__ import annotations

import ast
import importlib
import importlib.util
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

import cmr

ROOT = Path(cmr.__file__).parent
# Triton takes a launch's arguments one by one.
LAUNCHES = {
    "score/device/triton_kernel.py:count_tiles",
    "score/device/device_codes.py:_code",
    "score/device/screen_kernel.py:screen_tiles",
    "score/device/settling_kernels.py:list_cells",
    "score/device/settling_kernels.py:settle_cells",
}
MOST = 8

Function = ast.FunctionDef | ast.AsyncFunctionDef


@pytest.fixture(scope="module")
def modules() -> dict[str, ast.Module]:
    """Parsed here, and not where pytest's every process imports this file."""
    return {str(path.relative_to(ROOT)): ast.parse(path.read_text()) for path in ROOT.rglob("*.py")}


def functions(node: ast.AST, of_class: bool = False) -> Iterator[tuple[Function, bool]]:
    """Every function below a node, and whether it is a method."""
    for child in ast.iter_child_nodes(node):
        if isinstance(child, Function):
            yield child, of_class
        yield from functions(child, isinstance(child, ast.ClassDef))


def parameters(function: Function, method: bool) -> list[str]:
    every = function.args
    named = [one.arg for one in (*every.posonlyargs, *every.args, *every.kwonlyargs)]
    named = named[1:] if method and named[:1] in (["self"], ["cls"]) else named
    return named + [one.arg for one in (every.vararg, every.kwarg) if one is not None]


def test_no_function_has_more_than_eight_parameters(modules):
    long = {
        f"{name}:{function.name}": parameters(function, method)
        for name, module in modules.items()
        for function, method in functions(module)
        if len(parameters(function, method)) > MOST
    }
    assert set(long) == LAUNCHES, long


def is_parallel(function: Function) -> bool:
    return any(
        isinstance(one, ast.Call) and any(key.arg == "parallel" for key in one.keywords)
        for one in function.decorator_list
    )


def written(function: Function) -> Iterator[ast.expr]:
    """What a function assigns to, with a place or an attribute of it."""
    for node in ast.walk(function):
        if isinstance(node, ast.Assign):
            yield from node.targets
        elif isinstance(node, ast.AugAssign):
            yield node.target


def test_no_parallel_function_writes_to_a_tuple_s_arrays(modules):
    """numba leaves out what is written there, as dead code: see `cmr.score.compiled`."""
    parallel = [
        (name, function)
        for name, module in modules.items()
        for function, _ in functions(module)
        if is_parallel(function)
    ]
    assert len(parallel) > 8
    for name, function in parallel:
        for target in written(function):
            below = isinstance(target, ast.Subscript) and isinstance(target.value, ast.Attribute)
            assert not below, f"{name}:{target.lineno}"


def test_every_class_has_a_name_of_its_own(modules):
    classes = Counter(
        node.name
        for module in modules.values()
        for node in module.body
        if isinstance(node, ast.ClassDef)
    )
    assert {name for name, times in classes.items() if times > 1} == set()


def test_scripts_import_what_is_there():
    """Those of bench, docs and training run too seldom to notice that a function has moved."""
    scripts = [
        one for name in ("bench", "docs", "training") for one in ROOT.parent.glob(f"{name}/*.py")
    ]
    assert len(scripts) > 20
    lacking = []
    for path in scripts:
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("cmr"):
                module = importlib.import_module(str(node.module))
                lacking += [
                    f"{path.name}: {node.module}.{one.name}"
                    for one in node.names
                    if not hasattr(module, one.name) and not is_module(f"{node.module}.{one.name}")
                ]
    assert lacking == []


def is_module(name: str) -> bool:
    return importlib.util.find_spec(name) is not None
