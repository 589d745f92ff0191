"""The slow, obvious counts: a full matrix of scores, compared pair by pair."""

from __future__ import annotations

import numpy as np

TOLERANCE = 1e-6


def scores(texts, visuals) -> np.ndarray:
    """All scores of two `Encoded` sides, (texts, visuals) float64, from what is stored."""
    a, b = (values(side) for side in (texts, visuals))
    full = a @ b.T
    if texts.precision in ("int8", "int4") or texts.precision.startswith("rabitq"):
        full = full * visuals.scales.astype(np.float64)[None, :]
        full = full * texts.scales.astype(np.float64)[:, None]
    return full


def values(encoded) -> np.ndarray:
    """Stored numbers as float64, decoded one by one."""
    data = encoded.data
    if encoded.precision in ("fp32", "fp16"):
        return data.astype(np.float64)
    rows = []
    for place, row in enumerate(data):
        raw = bytes(np.ascontiguousarray(row).view(np.uint8))
        if encoded.precision == "int8":
            numbers = [byte - 256 if byte > 127 else byte for byte in raw]
        elif encoded.precision == "int4":
            halves = [half for byte in raw for half in (byte & 15, byte >> 4)]
            numbers = [half - 16 if half > 7 else half for half in halves][: encoded.dim]
        elif encoded.precision.startswith("rabitq"):
            bits = int(encoded.precision[-1])
            text = "".join(f"{byte:08b}" for byte in raw)
            numbers = [
                2 * int(text[bits * at : bits * (at + 1)], 2) + 1 - 2**bits
                for at in range(encoded.dim)
            ]
        elif encoded.precision == "b1":
            bits = [(byte >> (7 - place)) & 1 for byte in raw for place in range(8)]
            numbers = [1 if bit else -1 for bit in bits[: encoded.dim]]
        elif encoded.precision in ("fp8_e4m3", "fp8_e5m2"):
            digits, bias = (3, 7) if encoded.precision == "fp8_e4m3" else (2, 15)
            numbers = [float(encoded.scales[place]) * eight(byte, digits, bias) for byte in raw]
        else:  # bf16: the upper half of a float32
            words = np.frombuffer(raw, dtype="<u2").astype(np.uint32) << 16
            numbers = words.view(np.float32).tolist()
        rows.append(numbers)
    return np.array(rows, dtype=np.float64)


def eight(byte: int, digits: int, bias: int) -> float:
    """An eight-bit float: sign, exponent, `digits` of fraction."""
    sign = -1 if byte & 0x80 else 1
    exponent, fraction = (byte & 0x7F) >> digits, (byte & (2**digits - 1)) / 2**digits
    if exponent == 0:
        return sign * fraction * 2.0 ** (1 - bias)
    return sign * (1 + fraction) * 2.0 ** (exponent - bias)


def count(full: np.ndarray, relevant: np.ndarray, exact: bool, pool: np.ndarray | None = None):
    """For every relevant pair (query row, item column), in order: (above, tied, relevants
    above, relevants tied), within `pool` (same shape, bool) if one is given."""
    tolerance = 0.0 if exact else TOLERANCE
    found = []
    for query, item in zip(*np.nonzero(relevant), strict=True):
        difference = full[query] - full[query, item]
        above, tied = difference > tolerance, np.abs(difference) <= tolerance
        rest = ~relevant[query]
        if pool is not None:
            rest = rest & pool[query]
        mine = relevant[query].copy()
        mine[item] = False
        found.append(
            [
                int((above & rest).sum()),
                int((tied & rest).sum()),
                int((above & mine).sum()),
                int((tied & mine).sum()),
            ]
        )
    return np.array(found, dtype=np.int64).reshape(-1, 4)
