"""Matrices of vectors in .npy, .fbin, .u8bin and .i8bin files."""

from __future__ import annotations

import struct
import tokenize
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from cmr.errors import CmrError
from cmr.sources.user_files import no_file, open_file

# Further errors that NumPy and zip raise for a damaged header.
HEADERS = (
    ArithmeticError, AttributeError, LookupError, NotImplementedError, RuntimeError, SyntaxError,
    TypeError, struct.error, tokenize.TokenError, zlib.error,
)  # fmt: skip
# big-ann-benchmarks: uint32 rows, uint32 dimensions, then the numbers.
BINS = {".fbin": np.float32, ".u8bin": np.uint8, ".i8bin": np.int8}


def load_npy(path: str) -> npt.NDArray[Any]:
    """Read a (rows, d) matrix. Nothing is unpickled.

    Raises CmrError, naming the file, if it is missing, damaged, or not a matrix of numbers.
    """
    if not Path(path).is_file():
        raise no_file(path)
    ending = Path(path).suffix.lower()
    array = _bin(path, BINS[ending]) if ending in BINS else load_array(path)
    if array.ndim != 2 or not len(array) or not array.shape[1]:
        raise CmrError(f"{path} has shape {array.shape}, expected (rows, dimensions)")
    if array.dtype.kind not in "fiu":
        raise CmrError(f"{path} has type {array.dtype}, expected numbers")
    return at_most_float64(array) if array.dtype.kind == "f" else array.astype(np.float32)


def at_most_float64(array: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """Floats in a type supported everywhere: longdouble, which only NumPy has, becomes float64."""
    return array.astype(np.float64) if array.dtype.itemsize > 8 else array


def load_array(path: str) -> npt.NDArray[Any]:
    """The array of a .npy file. Nothing is unpickled. Raises CmrError, naming the file."""
    try:
        with open_file(path) as file:
            found = np.load(file, allow_pickle=False)
    except FileNotFoundError:
        raise CmrError(f"there is no file {path}") from None
    except ValueError as error:
        if "pickle" in str(error):
            raise CmrError(
                f"{path} holds pickled objects, or is not a .npy file; nothing is ever unpickled"
            ) from None
        raise CmrError(f"{path} is not a readable .npy file: {error}") from None
    except (OSError, EOFError, *HEADERS) as error:
        raise CmrError(f"{path} is not a readable .npy file: {error}") from None
    if not isinstance(found, np.ndarray):
        raise CmrError(f"{path} is an archive of arrays, expected one .npy array")
    return found


def _bin(path: str, kind: npt.DTypeLike) -> npt.NDArray[Any]:
    with open_file(path) as stream:
        head = np.fromfile(stream, dtype="<u4", count=2)
        if len(head) != 2:
            raise CmrError(f"{path} is cut off: it lacks its header, rows and dimensions")
        rows, dim = map(int, head)
        expected = 8 + rows * dim * np.dtype(kind).itemsize
        size = Path(path).stat().st_size
        if size != expected:
            raise CmrError(f"{path} has {size} bytes, expected {expected} for {rows} x {dim}")
        return np.fromfile(stream, dtype=kind).reshape(rows, dim)
