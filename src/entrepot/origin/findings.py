"""What was found of one rule: whether it is met, by which numbers, and which parts decided."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal
from typing import Literal

from entrepot.origin.bill import shown


@dataclass(frozen=True)
class Material:
    """One material as a rule set sees it; USD and kilograms in one product.

    originating: under the rule set, or None if that isn't known; `why` says which and why.
    """

    path: str
    product: str
    origin: str
    value_usd: Decimal
    originating: bool | None
    why: str
    wholly_obtained: bool | None = None
    weight_kg: Decimal | None = None
    role: str = ""


@dataclass(frozen=True)
class Decided:
    """A part that decided, and why."""

    path: str
    product: str
    value_usd: Decimal
    why: str

    def __str__(self) -> str:
        """The part in a line."""
        code = f", {self.product}" if self.product else ""
        return f"{self.path} ({shown(self.value_usd)} USD{code}): {self.why}"


@dataclass(frozen=True)
class Finding:
    """One rule, judged. `met` is None where it turns on something unknown, named in `missing`.

    origin: the economy of origin, where the rule names one; notes: what a reader has to know.
    arithmetic: the numbers in words; number, limit: fractions that were compared, where that decides.
    """

    rule: str
    kind: str
    met: bool | None
    arithmetic: str = ""
    number: float | None = None
    limit: float | None = None
    parts: tuple[Decided, ...] = ()
    missing: tuple[str, ...] = ()
    inner: tuple[Finding, ...] = ()
    origin: str | None = None
    notes: tuple[str, ...] = ()

    @property
    def word(self) -> str:
        """The result in a word."""
        return "open" if self.met is None else "met" if self.met else "not met"

    def deciding(self) -> Finding:
        """The innermost finding on which this one turns: the one that met it, or the first that didn't."""
        same = [f for f in self.inner if f.met == self.met]
        return same[0].deciding() if same else self


Join = Literal["any-of", "all-of"]


def joined(rule: str, kind: Join, inner: tuple[Finding, ...]) -> Finding:
    """Several findings as one, in three-valued logic: what is open counts only where it could matter."""
    wins = kind == "any-of"
    met: bool | None = (not wins) if all(f.met is (not wins) for f in inner) else None
    if any(f.met is wins for f in inner):
        met = wins
    missing = once(name for f in inner for name in f.missing) if met is None else ()
    return Finding(rule, kind, met, missing=missing, inner=inner)


def all_notes(finding: Finding) -> tuple[str, ...]:
    """The notes of a finding and of all within it."""
    return once([*finding.notes, *(note for inner in finding.inner for note in all_notes(inner))])


def once(names: Iterable[str]) -> tuple[str, ...]:
    """Each name once, in order."""
    return tuple(dict.fromkeys(names))
