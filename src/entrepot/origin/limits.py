"""Rules of origin as linear limits on a choice of suppliers.

A choice is a vector x of zeros and ones over options, one option per part. Everything a rule compares is
linear in x: n·x + n0 (the value or weight of what counts) is at most `limit` times p·x + p0 (the price or
weight it is compared with). A rule of alternatives is a list of such lists: one of them has to hold whole.

Parts made by the producer are looked through where they hold a choice: what absorption would add on top is
not counted on, so that a plan is on the safe side. Unknown origins count as non-originating.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import product as combinations

import numpy as np
from numpy.typing import NDArray

from entrepot.origin.bill import Bill
from entrepot.origin.codes import within
from entrepot.origin.findings import Material
from entrepot.origin.judge import CLASSIFIED_WITH, barred
from entrepot.origin.rules import (
    AllOf,
    AnyOf,
    Cap,
    Change,
    Process,
    Rule,
    Tolerance,
    Value,
    Weight,
    WhollyObtained,
)

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Limit:
    """n·x + n0 <= limit · (p·x + p0); `text` is the rule. Both sides in USD or kilograms."""

    text: str
    n: Array
    n0: float
    p: Array
    p0: float
    limit: float

    def share(self, x: Array) -> float:
        """What is limited, as a fraction of what it is compared with; 0 if that is nothing."""
        whole = float(self.p @ x) + self.p0
        return (float(self.n @ x) + self.n0) / whole if whole else 0.0

    def row(self) -> tuple[Array, float]:
        """The limit as a · x <= b."""
        return self.n - self.limit * self.p, self.limit * self.p0 - self.n0


@dataclass(frozen=True)
class Terms:
    """What limits are made of, over options: USD and kilograms in one product.

    materials: each option as a material; value; content: by economy, the most it may be; `fixed` prices and
    content are what charges add. transaction: the price is fixed and doesn't follow the parts.
    """

    bill: Bill
    materials: Sequence[Material]
    value: Array
    content: Callable[[str], tuple[Array, float]]
    price: Callable[[str], tuple[Array, float]]
    facts: Mapping[str, bool | float | str]


Alternatives = list[list[Limit]]


def limits(rule: Rule, terms: Terms, tolerance: Tolerance | None = None) -> tuple[Alternatives, list[str]]:
    """The alternatives of a rule as limits, and what kept others from being any (missing facts, texts)."""
    match rule:
        case AnyOf():
            found = [limits(r, terms, tolerance) for r in rule.rules]
            return [a for alternatives, _ in found for a in alternatives], [m for _, ms in found for m in ms]
        case AllOf():
            found = [limits(r, terms, tolerance) for r in rule.rules]
            joined = [
                [limit for part in pick for limit in part]
                for pick in combinations(*(alternatives for alternatives, _ in found))
            ]
            return joined, [m for _, ms in found for m in ms]
        case Change():
            return [[_change(rule, terms, tolerance)]], []
        case Value():
            return [[_value(rule, terms)]], []
        case Cap():
            return [[cap(rule.economy, rule.at_most, terms, str(rule))]], []
        case WhollyObtained():
            return _wholly(rule, terms)
        case Weight():
            return _weight(rule, terms)
        case Process():
            value = terms.facts.get(rule.fact)
            if value is True or value == terms.bill.made_in:
                return [[]], []
            return [], [] if value is not None else [f"{rule.fact} ({rule.text})"]
        case _:
            return [], [f"{rule} (can't be planned for)"]


def cap(economy: str, at_most: float, terms: Terms, text: str = "") -> Limit:
    """A limit on the content of one economy, as a share of the transaction value."""
    n, n0 = terms.content(economy)
    p, p0 = terms.price("transaction")
    words = text or f"content of {economy} at most {at_most * 100:.6g} % of the transaction value"
    return Limit(words, n, n0, p, p0, at_most)


def _change(rule: Change, terms: Terms, tolerance: Tolerance | None) -> Limit:
    product = terms.bill.root.product

    def against(material: Material) -> bool:
        if material.originating is True or material.role in CLASSIFIED_WITH:
            return False
        return barred(rule, product, material)[0] is not False

    n = terms.value * _mask(terms.materials, against)
    share, basis = 0.0, "ex-works"
    if rule.allow_share is not None:
        share, basis = rule.allow_share, rule.allow_of
    elif tolerance is not None and tolerance.by != "weight":
        share, basis = tolerance.share, tolerance.by
    p, p0 = terms.price(basis)
    return Limit(str(rule), n, 0.0, p, p0, share)


def _value(rule: Value, terms: Terms) -> Limit:
    p, p0 = terms.price(rule.of)
    inside = _mask(terms.materials, lambda m: within(m.product, rule.materials) is not False)
    own = _mask(terms.materials, lambda m: m.originating is True)
    if rule.at_most is not None:
        return Limit(str(rule), terms.value * inside * (1 - own), 0.0, p, p0, rule.at_most)
    assert rule.at_least is not None
    if rule.method == "build-down":
        return Limit(str(rule), terms.value * (1 - own), 0.0, p, p0, 1 - rule.at_least)
    # Originating value at least a share of the price: what is left of the price at most the rest.
    added = terms.price("fob")[1] if rule.method == "direct" else 0.0
    return Limit(str(rule), p - terms.value * own, p0 - added, p, p0, 1 - rule.at_least)


def _wholly(rule: WhollyObtained, terms: Terms) -> tuple[Alternatives, list[str]]:
    if rule.materials == ("*",) and terms.bill.root.wholly_obtained is not None:
        return ([[]] if terms.bill.root.wholly_obtained else []), []

    def against(material: Material) -> bool:
        inside = within(material.product, rule.materials) is not False
        return inside and not (material.originating is True and material.wholly_obtained is True)

    p, p0 = terms.price("ex-works")
    return [[Limit(str(rule), terms.value * _mask(terms.materials, against), 0.0, p, p0, 0.0)]], []


def _weight(rule: Weight, terms: Terms) -> tuple[Alternatives, list[str]]:
    whole = terms.bill.root.weight_kg
    if whole is None or rule.of == "materials":
        return [], [f"weight of {terms.bill.name}" if whole is None else f"{rule} (can't be planned for)"]
    counted = [
        m.originating is not True and within(m.product, rule.materials) is not False for m in terms.materials
    ]
    missing = [
        f"weight of {m.path}"
        for m, c in zip(terms.materials, counted, strict=True)
        if c and m.weight_kg is None
    ]
    if missing:
        return [], missing
    weights = np.array(
        [float(m.weight_kg or 0) if c else 0.0 for m, c in zip(terms.materials, counted, strict=True)]
    )
    none = np.zeros_like(weights)
    if rule.each:
        weights = np.where(weights > rule.at_most * float(whole), weights, 0.0)
        return [[Limit(str(rule), weights, 0.0, none, float(whole), 0.0)]], []
    return [[Limit(str(rule), weights, 0.0, none, float(whole), rule.at_most)]], []


def _mask(materials: Iterable[Material], test: Callable[[Material], bool]) -> Array:
    return np.array([float(test(material)) for material in materials])
