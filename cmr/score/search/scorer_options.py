"""What a scorer may be told beside the vectors: options by name, each with a default.

`m=16,ef=16,64` gives one value of m and two of ef. A text may hold commas itself: of
`factory=OPQ32,IVF256,PQ32x4fs` all is one value, and several are parted by semicolons.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import product

from cmr.errors import CmrError
from cmr.suggestions import suggestion

Value = int | float | str
# Options with their values, in the order of the scorer's own list.
Options = tuple[tuple[str, Value], ...]


@dataclass(frozen=True)
class ScorerOption:
    """One option of a scorer.

    `default`: an int, a float or a text, which is also what its values are. `help`: for people.
    `least`, `most`: of numbers. `choices`: of texts, all that there are. `of_search`: whether it is
    of searches alone, so that an index that was built is searched with another value, too.
    `when`: with which values of the others it has any effect; None for all.
    `of_filter`: whether it decides filtered searches alone; its default is not recorded.
    """

    name: str
    default: Value
    help: str
    least: float = 1
    most: float = 2**31 - 1
    choices: tuple[str, ...] = ()
    of_search: bool = False
    when: Callable[[Mapping[str, Value]], bool] | None = None
    of_filter: bool = False

    def parse(self, text: str) -> Value:
        """The value of a text. Raises CmrError where it cannot be one."""
        if isinstance(self.default, str):
            if self.choices and text not in self.choices:
                raise self._wrong(text, f"one of {', '.join(self.choices)}")
            if not text:
                raise self._wrong(text, "a text")
            return text
        kind = type(self.default)
        try:
            value = kind(text)
        except ValueError:
            raise self._wrong(text, "a whole number" if kind is int else "a number") from None
        if not self.least <= value <= self.most:
            raise self._wrong(text, f"from {self.least:g} to {self.most:g}")
        return value

    def counts(self, chosen: Mapping[str, Value]) -> bool:
        """Whether it has an effect beside the others."""
        return self.when is None or self.when(chosen)

    def _wrong(self, text: str, wanted: str) -> CmrError:
        return CmrError(f"the scorer's option {self.name} is {text!r}, which is not {wanted}")


def words(options: Iterable[tuple[str, Value]]) -> str:
    """As in `m 16 ef 64`."""
    return " ".join(f"{name} {value}" for name, value in options)


def every_combination(
    scorer: str, known: Sequence[ScorerOption], given: Mapping[str, str]
) -> list[Options]:
    """All options of a scorer, one entry for each combination of the values that were given.

    `given`: see `split`. Where a value has no effect beside the others, it is the default. Raises
    CmrError for a value that an option cannot have, for an option that the scorer does not know,
    and for one that has no effect at all.
    """
    names = [one.name for one in known]
    for name in given:
        if name not in names:
            has = f"its options are {', '.join(names)}" if names else "it has none"
            raise CmrError(
                f"the scorer {scorer} has no option {name!r}; {has}{suggestion(name, names)}"
            )
    every = _products(known, given)
    for name in given:
        if name not in with_effect(known, given):
            others = words(one for one in every[0][0] if one[0] in every[0][1])
            raise CmrError(
                f"the scorer {scorer} has no use for its option {name} with {others}; leave it out"
            )
    return list(dict.fromkeys(options for options, _ in every))


def with_effect(known: Sequence[ScorerOption], given: Mapping[str, str]) -> dict[str, str]:
    """Those of `given` that a scorer knows, and that have an effect in some combination.

    Raises CmrError for a value that an option cannot have.
    """
    names = {one.name for one in known}
    mine = {name: text for name, text in given.items() if name in names}
    counting = set().union(*(effective for _, effective in _products(known, mine)))
    return {name: text for name, text in mine.items() if name in counting}


def _products(
    known: Sequence[ScorerOption], given: Mapping[str, str]
) -> list[tuple[Options, set[str]]]:
    """Every combination, with the default for what has no effect, and the names of what has."""
    columns = [_values(one, given.get(one.name)) for one in known]
    found = []
    for row in product(*columns):
        chosen = dict(zip([one.name for one in known], row, strict=True))
        counting = {one.name for one in known if one.counts(chosen)}
        options = tuple(
            (one.name, chosen[one.name] if one.name in counting else one.default)
            for one in known
            if not (one.of_filter and chosen[one.name] == one.default)
        )
        found.append((options, counting))
    return found


def _values(option: ScorerOption, text: str | None) -> list[Value]:
    if text is None:
        return [option.default]
    parts = text.split(";" if isinstance(option.default, str) else ",")
    return list(dict.fromkeys(option.parse(part.strip()) for part in parts))


def split(text: str | None) -> dict[str, str]:
    """`m=16,ef=16,64` as the texts of m and ef. Raises CmrError where it does not begin so."""
    found: dict[str, str] = {}
    name = ""
    for part in (text or "").split(",") if text else ():
        key, equals, value = part.partition("=")
        if equals and key.strip().isidentifier():
            name = key.strip()
            if name in found:
                raise CmrError(f"--scorer-options names {name} twice; give it as {name}=1,2")
            found[name] = value
        elif name:
            found[name] += "," + part
        else:
            raise CmrError(f"--scorer-options {text!r} does not read as key=value,…")
    return found
