"""Precisions: what the values of a vector are stored as, multiplied as, and called by others.

One row of `ROWS` holds everything that the rest of cmr asks about a precision. Its codec, which
turns vectors into stored bytes and back, is in `cmr.represent.codecs`.
"""

from __future__ import annotations

from dataclasses import dataclass

# The precision of native vectors, as the encoder returned them, and of uncoded queries.
FP32 = "fp32"
# The quantisers whose codes are precisions of their own.
RABITQ, PRODUCT = "rabitq", "pq"
# torch's types of what is multiplied.
INT8, FLOAT32, FLOAT16, BFLOAT16 = "int8", "float32", "float16", "bfloat16"
# Scores of floats that differ by no more are tied.
TIE_TOLERANCE = 1e-6


@dataclass(frozen=True)
class Precision:
    """One way of storing vectors.

    `bits`: of one value. `stored`: NumPy's type of the stored numbers, of which several values may
    share one. `as_list`: stored as a list of these numbers, else as bytes with a scale beside them.
    `operand`: torch's type of what is multiplied: int8 of integer codes, float32 of all others but
    the halves, which the machine may multiply as they are. `usearch`: usearch's type.
    `has_scale`: whether each vector has a scale of its own. `is_integer`: the values are codes,
    scored as whole numbers. `torch`: torch's type of the stored bytes of a float.
    `odd`: whether integer codes are the odd numbers alone, so that zero is between two of them.
    `quantizer`: the only one that makes its codes, if it is not for all to make. `parts`: of a
    product code, a byte each, that name the nearest centroids of as many parts of the dimensions;
    without a codebook they mean nothing.
    `largest`: the largest number of a float that is scaled. `growth`: by how much a vector and
    another may grow, multiplied, when they are rounded to it. `aliases`: other names that people
    give it. `evaluated`, `benched`: whether `cmr evaluate` and `cmr bench` take it where no
    precision is asked for.
    """

    name: str
    bits: int
    stored: str
    operand: str
    usearch: str
    as_list: bool = False
    has_scale: bool = False
    is_integer: bool = False
    torch: str | None = None
    largest: float = 0.0
    growth: float = 1.0
    aliases: tuple[str, ...] = ()
    evaluated: bool = False
    benched: bool = False
    odd: bool = False
    quantizer: str | None = None
    parts: int = 0

    @property
    def is_binary(self) -> bool:
        """Whether a value is a sign: compared by Hamming's distance, and scored as -1 and 1."""
        return self.is_integer and self.bits == 1 and not self.has_scale

    @property
    def half(self) -> int:
        """Half of the integer codes: they go from -half to half - 1, and are within ±half.

        Odd ones go from -half to half.
        """
        return int(2**self.bits - 1 if self.odd else 2 ** (self.bits - 1))

    @property
    def is_coded(self) -> bool:
        """Whether its numbers are codes made by a quantiser; plain floats are not."""
        return self.is_integer or self.has_scale or self.parts > 0

    @property
    def held(self) -> str | None:
        """torch dtype of stored numbers that need no scale; None for codes."""
        return None if self.is_coded else self.torch

    @property
    def metric(self) -> str:
        """usearch's metric: inner product, or for b1 the number of bits that differ."""
        return "hamming" if self.is_binary else "ip"

    def vector_bytes(self, dim: int) -> int:
        """Bytes of one stored vector of `dim` values, without its 4-byte scale."""
        return self.parts or (dim * self.bits + 7) // 8


# From the finest to the coarsest; reports show them in this order.
ROWS = (
    Precision(
        FP32, 32, "float32", FLOAT32, "f32",
        as_list=True, torch="float32", benched=True,
    ),
    Precision(
        "fp16", 16, "float16", FLOAT16, "f16",
        as_list=True, torch="float16", evaluated=True, benched=True,
    ),
    Precision("bf16", 16, "uint16", BFLOAT16, "bf16", torch="bfloat16"),
    Precision(
        "fp8_e4m3", 8, "uint8", FLOAT32, "e4m3",
        has_scale=True, torch="float8_e4m3fn", largest=448.0, growth=1.3, aliases=("fp8",),
    ),
    Precision(
        "fp8_e5m2", 8, "uint8", FLOAT32, "e5m2",
        has_scale=True, torch="float8_e5m2", largest=57344.0, growth=1.3,
    ),
    Precision(
        "int8", 8, "int8", INT8, "i8",
        has_scale=True, is_integer=True, evaluated=True, benched=True,
    ),
    # usearch has no 4-bit type, so it gets one code per byte.
    Precision(
        "int4", 4, "uint8", INT8, "i8",
        has_scale=True, is_integer=True, evaluated=True, benched=True,
    ),
    *(
        Precision(
            f"rabitq{bits}", bits, "uint8", INT8, "i8",
            has_scale=True, is_integer=True, odd=True, quantizer=RABITQ,
        )
        for bits in (4, 3, 2, 1)
    ),
    Precision("b1", 1, "uint8", INT8, "b1", is_integer=True),
    # Of bytes a vector, however many dimensions: no bits of one value.
    *(
        Precision(
            f"{PRODUCT}{parts}", 0, "uint8", FLOAT32, "f32", quantizer=PRODUCT, parts=parts,
            aliases=(PRODUCT,) if parts == 64 else (),
        )
        for parts in (256, 128, 64, 32, 16)
    ),
)  # fmt: skip

_BY_NAME = {row.name: row for row in ROWS}
_ALIASES = {alias: row.name for row in ROWS for alias in row.aliases}
# Names in order: all of them, and those whose values are integer codes.
PRECISIONS = tuple(_BY_NAME)
INTEGER = tuple(row.name for row in ROWS if row.is_integer)
# Those that are coded and scored without a codebook.
ALONE = tuple(row.name for row in ROWS if not row.parts)
# Defaults where no precision is requested: the published grid, and what is timed.
EVALUATED = tuple(row.name for row in ROWS if row.evaluated)
BENCHED = tuple(row.name for row in ROWS if row.benched)


def precision_of(name: str) -> Precision:
    """The row of a stored name. Raises KeyError if there is none."""
    return _BY_NAME[name]


def in_full(name: str) -> str:
    """The stored name for a name that people write; unchanged if it is not an alias."""
    return _ALIASES.get(name, name)


def listed() -> str:
    """All names for people, with their aliases."""
    return ", ".join(f"{row.aliases[0]} ({row.name})" if row.aliases else row.name for row in ROWS)
