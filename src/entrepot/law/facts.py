"""The facts on which a duty can depend: what kind each is, and what statistics assume where a line is silent.

A fact is *given* (a column of the ledger, an option of the user) or *estimated* (a book's facts.toml says
from what). Estimates serve sums over ledgers and are named in the result; the duty on one entry never
rests on them, it stays unresolved until somebody gives the fact.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

from entrepot import economies
from entrepot.errors import LawError
from entrepot.suggest import near

Kind = Literal["truth", "choice", "share", "rate", "amount"]


@dataclass(frozen=True)
class Fact:
    """One fact and, if statistics may use one, its estimate.

    kind: `truth` (holds or not; over many lines, the share of their value for which it holds), `choice`
    (one of several names, or none), `share` (a part of each line's value), `rate` (fraction of value),
    `amount` (units of quantity per USD).
    `value` is a constant estimate; `table` a Parquet or CSV file with a column `product`, perhaps `origin`,
    and `column`. `law` marks a table that is itself the law and serves single entries too, `from_duty` the
    one fact of a book that a ledger's own duties show (both: the MFN rate). Of a rate that is law,
    `preferences` names the programmes under which goods of some origins don't pay it, and `elsewhere` origins
    that the table isn't about; sums over a ledger have both in the duties that were paid.
    """

    name: str
    kind: Kind
    what: str
    source: str = ""
    value: float | None = None
    table: Path | None = None
    column: str = ""
    law: bool = False
    from_duty: bool = False
    preferences: tuple[tuple[str, tuple[str, ...]], ...] = ()
    elsewhere: tuple[str, ...] = ()

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
        built_in = BUILT_IN.get(f"{stem}.*" if dot else stem)
        if built_in is not None:
            return replace(built_in, name=name)
        # An option of a choice: programme.USMCA.
        choice = declared.get(stem, BUILT_IN.get(stem)) if dot else None
        return replace(choice, name=name) if choice is not None and choice.kind == "choice" else None


BUILT_IN = {
    fact.name: fact
    for fact in (
        Fact("transshipped", "truth", "customs found that the goods only passed through the claimed origin"),
        Fact("programme", "choice", "the preference programme claimed on entry"),
        Fact("content.*", "share", "share of the customs value that comes from this economy"),
        Fact("metal.*", "share", "share of the customs value that is this metal"),
        Fact("quantity.*", "amount", "units of quantity per USD of customs value"),
        Fact("mfn", "rate", "most-favoured-nation duty (column 1, general)", from_duty=True),
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

    Raises LawError if the text is no such thing, naming what would do; UnknownCode for an unknown origin.
    """
    name, equals, value = (part.strip() for part in text.partition("="))
    if not equals or not name or not value:
        raise LawError(f"--fact {text!r}: write NAME=VALUE or NAME=ORIGIN:VALUE, e.g. transshipped=VNM:0.161")
    origin, colon, rest = value.partition(":")
    if not colon:
        return Given(name, _value(name, value, text))
    return Given(name, _value(name, rest, text), economies.find(origin))


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
    if not 0 <= number <= (1e12 if name.startswith("quantity.") else 1):
        raise LawError(
            f"--fact {text!r}: {word} is not between 0 and 1; shares and rates are fractions (0.161 or 16.1%)"
        )
    return number


def check_given(
    given: Sequence[Given], asked: Mapping[str, tuple[str, ...]], declared: Mapping[str, Fact]
) -> list[str]:
    """Notes on given facts that nothing asks for; `asked` are the facts a law asks for, with their options.

    Raises LawError for a name that means nothing, a value that is not of the fact's kind, an option that is
    probably misspelt, or a fact given twice for the same lines.
    """
    notes = []
    seen: set[tuple[str, str | None]] = set()
    for one in given:
        fact = Fact.lookup(declared, one.name)
        if fact is None:
            known = [*asked, *declared, *(name for name in BUILT_IN if "*" not in name)]
            raise LawError(
                f"--fact {one.name}: no such fact{near(one.name, known)}; "
                f"the law asks for: {', '.join(sorted(asked)) or 'none on that day'}"
            )
        if (one.name, one.origin) in seen:
            raise LawError(f"--fact {one.name}: given twice{f' for {one.origin}' if one.origin else ''}")
        seen.add((one.name, one.origin))
        if isinstance(one.value, str):
            options = [*asked.get(one.name, ()), "none"]
            if fact.kind != "choice":
                raise LawError(f"--fact {one.name}={one.value}: write true, false or a number ({fact.what})")
            if one.value not in options and (like := near(one.value, options)):
                raise LawError(f"--fact {one.name}={one.value}: no measure asks for that{like}")
        if one.name not in asked and one.name.partition(".")[0] not in asked:
            notes.append(f"{one.name} was given, but no measure in force asks for it here")
    return notes
