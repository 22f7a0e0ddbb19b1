"""Between which thresholds of content the duty of a product is one rate, or one line."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from itertools import pairwise
from itertools import product as combinations

from entrepot.errors import Unresolved
from entrepot.law.book import Book
from entrepot.law.duty import duty
from entrepot.law.facts import Given
from entrepot.law.measure import BOUNDS
from entrepot.origin.bill import Bill
from entrepot.origin.landed import asked_content


@dataclass(frozen=True)
class Interval:
    """Shares from `low` to `high`, with or without the ends."""

    low: float
    high: float
    with_low: bool = True
    with_high: bool = True

    @property
    def inside(self) -> tuple[float, float]:
        """Two shares within it: apart unless it is one point."""
        third = (self.high - self.low) / 3
        return self.low + third, self.high - third


@dataclass(frozen=True)
class Band:
    """Intervals of content by economy in which the duty is rate + Σ slope · content, fractions of value."""

    intervals: Mapping[str, Interval]
    rate: float
    slopes: Mapping[str, float]


def bands(book: Book, bill: Bill, on: date, origin: str, given: Sequence[Given]) -> list[Band]:
    """The bands of a product's duty.

    Raises Unresolved if the duty turns on a fact besides content that isn't given, naming it.
    """
    known = {g.name for g in given}
    asked = [e for e in asked_content(book, on) if f"content.{e}" not in known]
    found = []
    for pick in combinations(*(_intervals(book, on, e) for e in asked)):
        intervals = dict(zip(asked, pick, strict=True))
        at = {e: i.inside[0] for e, i in intervals.items()}
        base = _rate(book, bill, on, origin, given, at)
        slopes = {}
        for economy, interval in intervals.items():
            low, high = interval.inside
            if high - low > 1e-9:
                rise = _rate(book, bill, on, origin, given, {**at, economy: high}) - base
                if abs(rise) > 1e-12:
                    slopes[economy] = rise / (high - low)
        found.append(Band(intervals, base - sum(s * at[e] for e, s in slopes.items()), slopes))
    return _merged(found)


def _intervals(book: Book, on: date, economy: str) -> list[Interval]:
    """The points and the open stretches between the thresholds that measures set for a content."""
    edges = {0.0, 1.0}
    for measure in book.regime(on).measures:
        for condition in measure.when:
            if condition.fact == f"content.{economy}":
                edges |= {v for bound in BOUNDS if (v := getattr(condition, bound)) is not None}
    ordered = sorted(edge for edge in edges if edge <= 1)
    found = []
    for low, high in pairwise(ordered):
        found += [Interval(low, low), Interval(low, high, with_low=False, with_high=False)]
    return [*found, Interval(1.0, 1.0)]


def _merged(found: Sequence[Band]) -> list[Band]:
    """Neighbouring bands of one economy with one rate as one: fewer problems to solve."""
    merged: list[Band] = []
    for band in found:
        last = merged[-1] if merged else None
        if last is not None and len(band.intervals) == 1 and _same(last, band):
            ((economy, before),) = last.intervals.items()
            after = band.intervals[economy]
            slopes = dict(last.slopes) or dict(band.slopes)
            rate = last.rate if last.slopes else band.rate
            joined = Interval(before.low, after.high, before.with_low, after.with_high)
            merged[-1] = Band({economy: joined}, rate, slopes)
        else:
            merged.append(band)
    return merged


def _same(one: Band, other: Band) -> bool:
    """Whether two neighbours have the same duty where they meet; a point fits a line that runs through it."""
    ((economy, before),) = one.intervals.items()
    at = before.high
    first = one.rate + one.slopes.get(economy, 0.0) * at
    second = other.rate + other.slopes.get(economy, 0.0) * at
    point = before.low == before.high or other.intervals[economy].low == other.intervals[economy].high
    alike = dict(one.slopes) == dict(other.slopes) or (point and bool(one.slopes) != bool(other.slopes))
    return abs(first - second) < 1e-12 and alike


def _rate(
    book: Book, bill: Bill, on: date, origin: str, given: Sequence[Given], content: Mapping[str, float]
) -> float:
    facts = [*(Given(f"content.{e}", share) for e, share in content.items()), *given]
    answer = duty(book, bill.root.product, origin, on, Decimal(100), given=facts)
    rates = {round(o.total_rate, 12) for o in answer.outcomes if o.total_rate is not None}
    if answer.answer != "resolved" and len(rates) > 1:
        needed = ", ".join(answer.missing) or ", ".join(k for o in answer.outcomes for k in o.readings)
        raise Unresolved(
            f"{bill.name}: the duty on {bill.root.product} from {origin} on {on} depends on {needed}; give it "
            "with --fact (or --reading) to plan for it"
        )
    if not rates:
        raise Unresolved(
            f"{bill.name}: a rate of duty on {bill.root.product} from {origin} on {on} isn't known; give it "
            "with --fact, e.g. mfn=0"
        )
    return rates.pop()
