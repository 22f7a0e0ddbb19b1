"""The facts on which a duty can depend: what kind each is, and what statistics assume where a line is silent.

A fact is *given* (a column of the ledger, an option of the user) or *estimated* (a book's facts.toml says
from what). Estimates serve sums over ledgers and are named in the result; the duty on one entry never
rests on them, it stays unresolved until somebody gives the fact.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from entrepot.errors import LawError

Kind = Literal["truth", "choice", "share", "rate", "amount"]


@dataclass(frozen=True)
class Fact:
    """One fact and, if statistics may use one, its estimate.

    kind: `truth` (holds or not; over many lines, the share of their value for which it holds), `choice`
    (one of several names, or none), `share` (a part of each line's value), `rate` (fraction of value),
    `amount` (units of quantity per USD).
    `value` is a constant estimate; `table` a Parquet or CSV file with a column `product`, perhaps `origin`,
    and `column`. `law` marks a table that is itself the law and serves single entries too (the MFN rate).
    """

    name: str
    kind: Kind
    what: str
    source: str = ""
    value: float | None = None
    table: Path | None = None
    column: str = ""
    law: bool = False

    @property
    def estimated(self) -> bool:
        """Whether sums over ledgers may rest on an estimate."""
        return self.value is not None or self.table is not None

    @staticmethod
    def lookup(declared: Mapping[str, Fact], name: str) -> Fact | None:
        """The declared fact, or the one built in, or None."""
        if name in declared:
            return declared[name]
        stem, dot, _ = name.partition(".")
        built_in = BUILT_IN.get(stem + dot + ("*" if dot else ""))
        return None if built_in is None else Fact(name, built_in.kind, built_in.what)


BUILT_IN = {
    fact.name: fact
    for fact in (
        Fact("transshipped", "truth", "customs found that the goods only passed through the claimed origin"),
        Fact("programme", "choice", "the preference programme claimed on entry"),
        Fact("content.*", "share", "share of the customs value that comes from this economy"),
        Fact("metal.*", "share", "share of the customs value that is this metal"),
        Fact("quantity.*", "amount", "units of quantity per USD of customs value"),
        Fact("mfn", "rate", "most-favoured-nation duty (column 1, general)"),
    )
}


@dataclass(frozen=True)
class Given:
    """A fact that the user gave: for every line, or for the lines of one origin.

    `value` is a truth, a share or rate (fraction), or the name of a choice.
    """

    name: str
    value: bool | float | str
    origin: str | None = None


def parse_given(text: str) -> Given:
    """Read `transshipped=true`, `transshipped=VNM:0.161`, `programme=USMCA`, `content.CHN=0.3`.

    Raises LawError if the text is no such thing, naming what would do.
    """
    name, equals, value = (part.strip() for part in text.partition("="))
    if not equals or not name or not value:
        raise LawError(f"--fact {text!r}: write NAME=VALUE or NAME=ORIGIN:VALUE, e.g. transshipped=VNM:0.161")
    origin, colon, rest = value.partition(":")
    if not colon:
        return Given(name, _value(name, value, text))
    return Given(name, _value(name, rest, text), origin.strip())


def _value(name: str, word: str, text: str) -> bool | float | str:
    word = word.strip()
    if word.lower() in ("true", "yes"):
        return True
    if word.lower() in ("false", "no"):
        return False
    percent = word.endswith("%")
    try:
        number = float(word.rstrip("% ")) / (100 if percent else 1)
    except ValueError:
        if word and word[0].isalpha():
            return word
        raise LawError(f"--fact {text!r}: {word!r} is neither true, false, a number nor a name") from None
    if not 0 <= number <= (float("inf") if name.startswith("quantity.") else 1):
        raise LawError(
            f"--fact {text!r}: {word} is not between 0 and 1; shares and rates are fractions (0.161 or 16.1%)"
        )
    return number
