"""The duty on one entry: every measure considered, whether it applied, why or why not, and what it adds.

An answer is *resolved* (one outcome), *unresolved* (a fact is missing: one outcome for each thing it could
be) or *ambiguous* (the text can be read in more than one way: one outcome for each reading).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import ROUND_HALF_UP, Decimal
from itertools import product as combinations
from typing import Literal

import numpy as np

from entrepot import economies, products
from entrepot.errors import LawError
from entrepot.law.book import Book
from entrepot.law.cases import Cases, Reach, atoms, hit_of
from entrepot.law.combine import combine
from entrepot.law.facts import Given, check_given
from entrepot.law.measure import Measure
from entrepot.law.possible import (
    UNKNOWN,
    Possibility,
    applies_to,
    claims,
    law_rate,
    possibilities,
    possible,
    preferred,
)
from entrepot.law.reasons import Reason, why
from entrepot.law.scope import ProductIndex, prefixes

MOST_OUTCOMES = 256
LARGEST = Decimal(10) ** 15
CENT = Decimal("0.01")

Answer = Literal["resolved", "unresolved", "ambiguous"]


@dataclass(frozen=True)
class Considered:
    """One measure in one outcome. `rate` is what it adds as a fraction of value (None: a rate isn't known)."""

    measure: Measure
    applied: bool
    rate: float | None
    duty_usd: Decimal | None
    reason: str
    out_of_scope: bool = False
    """The measure is about other goods, other origins or another time."""


@dataclass(frozen=True)
class Outcome:
    """What is owed if the facts are these and the text is read so; the parts add up to the total to the cent."""

    facts: Mapping[str, str]
    readings: Mapping[str, str]
    considered: tuple[Considered, ...]

    @property
    def condition(self) -> str:
        """The facts and readings that it holds under, in words; empty if nothing is open."""
        facts = [f"{name} {label}" for name, label in self.facts.items()]
        return ", ".join([*facts, *(f"{name} read as {text!r}" for name, text in self.readings.items())])

    @property
    def applied(self) -> tuple[Considered, ...]:
        """The measures that applied."""
        return tuple(line for line in self.considered if line.applied)

    @property
    def total_usd(self) -> Decimal | None:
        """The sum of the parts; None if one isn't known."""
        parts = [line.duty_usd for line in self.applied]
        return None if None in parts else sum((part for part in parts if part is not None), Decimal(0))

    @property
    def total_rate(self) -> float | None:
        """The sum of the parts' rates; None if one isn't known."""
        parts = [line.rate for line in self.applied]
        return None if None in parts else float(sum(part for part in parts if part is not None))


@dataclass(frozen=True)
class Duty:
    """The answer for one entry. `missing` names the facts on which an unresolved answer turns."""

    product: str
    origin: str
    on: date
    value_usd: Decimal
    outcomes: tuple[Outcome, ...]
    missing: tuple[str, ...]

    @property
    def answer(self) -> Answer:
        """Which kind of answer this is."""
        if self.missing:
            return "unresolved"
        return "ambiguous" if len(self.outcomes) > 1 else "resolved"


def duty(
    book: Book,
    product: str,
    origin: str,
    on: date,
    value_usd: Decimal,
    *,
    given: Sequence[Given] = (),
    readings: Mapping[str, str] | None = None,
    as_known: date | None = None,
) -> Duty:
    """What one entry of a product from an origin owes on a day.

    A given quantity (`quantity.kg`) is that of the whole entry.

    Raises UnknownCode for a code that is none, LawError for a value below zero, a fact that isn't of its
    kind, or more than `MOST_OUTCOMES` possible outcomes.
    """
    code, place = products.check(product), economies.find(origin)
    if not 0 <= value_usd < LARGEST:
        raise LawError(f"value {value_usd}: a customs value is not negative, and less than {LARGEST:.0e} USD")
    given = [_per_usd(one, value_usd) for one in given]
    variants = _variants(book, code, place, on, readings or {}, as_known)
    outcomes: list[Outcome] = []
    for settled, names in variants:
        outcomes += _outcomes(settled, code, place, on, value_usd, given, names, as_known)
    merged, missing = _merge(outcomes)
    return Duty(code, place, on, value_usd, tuple(merged), missing)


def _per_usd(given: Given, value_usd: Decimal) -> Given:
    if not given.name.startswith("quantity.") or isinstance(given.value, str) or not value_usd:
        return given
    return Given(given.name, float(given.value) / float(value_usd), given.origin)


def _variants(
    book: Book, code: str, origin: str, on: date, chosen: Mapping[str, str], as_known: date | None
) -> list[tuple[Book, dict[str, str]]]:
    """The book under every reading that is open and could matter for this entry."""
    measures = book.regime(on, as_known).measures
    reach, _ = _classes(book, measures, code, origin)
    ambiguous = [m for m in measures if m.readings and m.id not in chosen and _could_apply(m, reach, on)]
    open_readings = [[(m.id, reading.name) for reading in m.readings] for m in ambiguous]
    return [
        (book.with_readings({**chosen, **dict(pick)}), dict(pick)) for pick in combinations(*open_readings)
    ]


def _outcomes(
    book: Book,
    code: str,
    origin: str,
    on: date,
    value: Decimal,
    given: Sequence[Given],
    readings: Mapping[str, str],
    as_known: date | None,
) -> list[Outcome]:
    regime = book.regime(on, as_known)
    reach, candidates = _classes(book, regime.measures, code, origin)
    relevant = [m for m in regime.measures if _could_apply(m, reach, on)]
    asked = atoms(relevant)
    programmes = {
        f.name: names for f in book.facts.values() if f.name in asked and (names := claims(f, origin))
    }
    if programmes:
        named = [*asked.get("programme", ()), *(name for names in programmes.values() for name in names)]
        asked = {**asked, "programme": tuple(dict.fromkeys(named))}
    check_given(given, asked, book.facts)
    mine = [g for g in given if applies_to(g, origin, on)]
    picks: list[tuple[Possibility, ...]] = []
    for i, (representative, label) in enumerate(candidates):
        product = Possibility("product", label, {"product": i})
        options = [
            possibilities(name, words, relevant, book.facts, mine, representative, origin)
            for name, words in asked.items()
        ]
        picks += [
            (product, *preferred(pick, programmes)) for pick in combinations(*options) if possible(pick)
        ]
    if len(picks) > MOST_OUTCOMES:
        unknown = sorted({p.fact for pick in picks for p in pick if p.label})
        raise LawError(
            f"{code} from {origin} on {on}: {len(picks)} outcomes are possible; give more of these with --fact "
            f"(or all ten digits of the product): {', '.join(unknown)}"
        )
    cases = _cases(picks, reach)
    hits = [hit for m in relevant if (hit := hit_of(m, cases, reach, on)) is not None]
    amounts = combine(hits, range(len(hits)), len(hits), len(cases))
    known = book.in_order(as_known)
    by_id = {id(hit.measure): slot for slot, hit in enumerate(hits)}
    outcomes = []
    for case, pick in enumerate(picks):
        considered = []
        for measure in known:
            slot = by_id.get(id(measure))
            reason = why(measure, case, cases, reach, hits, amounts, on, as_known)
            rate = None if slot is None else float(amounts.by_slot[slot, case])
            considered.append(_consider(measure, rate, reason, value))
        facts = {p.fact: p.label for p in pick if p.label}
        outcomes.append(Outcome(facts, readings, tuple(considered)))
    return outcomes


def _consider(measure: Measure, rate: float | None, reason: Reason, value: Decimal) -> Considered:
    if rate is None or not reason.applied:
        return Considered(measure, False, 0.0, Decimal("0.00"), reason.text, reason.out_of_scope)
    if np.isnan(rate):
        return Considered(measure, True, None, None, reason.text)
    # Twelve digits are far finer than any tariff; the rest is binary noise (0.15 - 0.029).
    exact = Decimal(repr(round(rate, 12)))
    return Considered(measure, True, float(exact), (exact * value).quantize(CENT, ROUND_HALF_UP), reason.text)


def _classes(
    book: Book, measures: Sequence[Measure], code: str, origin: str
) -> tuple[Reach, list[tuple[str, str]]]:
    """What a code may stand for: the reach of one product of each class, and (product, label) of each class.

    Products are of one class if the law treats them alike: every measure reaches both or neither, and the
    law's own tables have the same rates. A label names the class's products; it is empty if there is one class.
    """
    codes = _candidates(book, measures, code)
    reach, class_of = Reach(ProductIndex(codes), [origin], book.lists, book.tables).by_class(measures)
    tables = [fact for fact in book.facts.values() if fact.law]
    classes: dict[tuple[object, ...], list[str]] = {}
    for candidate, of in zip(codes, class_of, strict=True):
        rates = [law_rate(fact, candidate, origin) for fact in tables] if len(codes) > 1 else []
        classes.setdefault((int(of), *rates), []).append(candidate)
    representatives = [members[0] for members in classes.values()]
    labels = [""] if len(classes) == 1 else [_listed(members) for members in classes.values()]
    reach = Reach(ProductIndex(representatives), [origin], book.lists, book.tables)
    return reach, list(zip(representatives, labels, strict=True))


def _listed(codes: Sequence[str]) -> str:
    return ", ".join(codes) if len(codes) <= 3 else f"{codes[0]} and {len(codes) - 1} more"


def _candidates(book: Book, measures: Iterable[Measure], code: str) -> list[str]:
    """The 10-digit products that a shorter code may stand for, if law or rates tell them apart; else the code."""
    if len(code) == 10:
        return [code]
    scopes = {m.products for m in measures}
    listed = {c for s in scopes for c in prefixes((*s.include, *s.exclude), book.lists)}
    finer = {c for c in listed if len(c) > len(code) and c.startswith(code)}
    children = set(products.children(code))
    # A listed code that wasn't imported in the embedded year is a product all the same.
    return sorted(children | {c for c in finer if not any(child.startswith(c) for child in children)}) or [
        code
    ]


def _could_apply(measure: Measure, reach: Reach, on: date) -> bool:
    return not np.isnan(reach.origin_rates(measure, on)[0]) and bool(reach.product_mask(measure).any())


def _cases(picks: Sequence[Sequence[Possibility]], reach: Reach) -> Cases:
    facts: dict[str, list[float]] = {}
    for pick in picks:
        for possibility in pick[1:]:
            for name, value in possibility.values.items():
                facts.setdefault(name, []).append(value)
    return Cases(
        products=reach.products,
        origins=reach.origins,
        product=np.array([int(pick[0].values["product"]) for pick in picks]),
        origin=np.zeros(len(picks), dtype=np.intp),
        facts={name: np.array(values, dtype=float) for name, values in facts.items()},
    )


def _merge(outcomes: Sequence[Outcome]) -> tuple[list[Outcome], tuple[str, ...]]:
    """Drop what makes no difference; the outcomes left and the facts on which they turn."""
    names = list(dict.fromkeys(name for outcome in outcomes for name in outcome.facts))
    kept = list(outcomes)
    missing = []
    for name in names:
        by_rest: dict[object, list[Outcome]] = {}
        for outcome in kept:
            rest = tuple(sorted((k, v) for k, v in outcome.facts.items() if k != name))
            by_rest.setdefault((rest, tuple(outcome.readings.items())), []).append(outcome)
        open_ = any(o.facts.get(name) == UNKNOWN and o.total_usd is None for o in kept)
        if not open_ and all(len({_owed(o) for o in group}) == 1 for group in by_rest.values()):
            kept = [_forget(group[0], name) for group in by_rest.values()]
        else:
            missing.append(name)
    return _alike(_collapse_readings(kept)), tuple(missing)


def _collapse_readings(outcomes: list[Outcome]) -> list[Outcome]:
    """One outcome, without a reading, wherever every reading of the text owes the same."""
    by_facts: dict[object, list[Outcome]] = {}
    for outcome in outcomes:
        by_facts.setdefault(tuple(sorted(outcome.facts.items())), []).append(outcome)
    kept = []
    for group in by_facts.values():
        same = len({_owed(o) for o in group}) == 1
        kept += [Outcome(group[0].facts, {}, group[0].considered)] if same else group
    return kept


def _owed(outcome: Outcome) -> tuple[tuple[str, float | None], ...]:
    """What makes one outcome differ from another: the measures that cost something, and how much."""
    return tuple((line.measure.id, line.rate) for line in outcome.applied if line.rate != 0)


def _forget(outcome: Outcome, name: str) -> Outcome:
    return Outcome(
        {k: v for k, v in outcome.facts.items() if k != name}, outcome.readings, outcome.considered
    )


def _alike(outcomes: list[Outcome]) -> list[Outcome]:
    """Outcomes that owe the same and differ in one fact only become one, that names both."""
    merged: list[Outcome] = []
    for outcome in outcomes:
        for i, other in enumerate(merged):
            differ = [n for n in outcome.facts if outcome.facts[n] != other.facts.get(n)]
            if len(differ) == 1 and other.readings == outcome.readings and _owed(other) == _owed(outcome):
                facts = {**other.facts, differ[0]: f"{other.facts[differ[0]]} or {outcome.facts[differ[0]]}"}
                merged[i] = Outcome(facts, other.readings, other.considered)
                break
        else:
            merged.append(outcome)
    return merged
