"""Rules of origin on arrays: many products, each with its materials, judged at once in three-valued logic."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from entrepot.origin.codes import DIGITS, span
from entrepot.origin.judge import CLASSIFIED_WITH
from entrepot.origin.rules import (
    LEVELS,
    AllOf,
    AnyOf,
    Change,
    Rule,
    RuleSet,
    Tolerance,
    Value,
    WhollyObtained,
)

Ints = NDArray[np.intp]
Floats = NDArray[np.float64]
Status = NDArray[np.int8]
Bools = NDArray[np.bool_]

NEAR = 1e-9


@dataclass(frozen=True)
class Lot:
    """Products and their materials; `of` is the product's position for each material.

    Codes are spans of ten digits, low to high; status, obtained: 1 yes, 0 no, -1 not known.
    """

    goods: Ints
    product: Sequence[str]
    good_low: Ints
    good_high: Ints
    price: Mapping[str, Floats]
    good_obtained: Status
    material: Ints
    of: Ints
    value: Floats
    low: Ints
    high: Ints
    status: Status
    obtained: Status
    role: NDArray[np.str_]

    def only(self, chosen: Ints) -> Lot:
        """The lot of some of its products, by position."""
        slot = np.full(len(self.goods), -1, dtype=np.intp)
        slot[chosen] = np.arange(len(chosen))
        keep = np.flatnonzero(slot[self.of] >= 0)
        return Lot(
            self.goods[chosen],
            [self.product[i] for i in chosen],
            self.good_low[chosen],
            self.good_high[chosen],
            {name: price[chosen] for name, price in self.price.items()},
            self.good_obtained[chosen],
            self.material[keep],
            slot[self.of[keep]],
            self.value[keep],
            self.low[keep],
            self.high[keep],
            self.status[keep],
            self.obtained[keep],
            self.role[keep],
        )

    def total(self, amounts: Floats) -> Floats:
        """Sums by product."""
        return np.bincount(self.of, weights=amounts, minlength=len(self.goods)).astype(np.float64)


@dataclass(frozen=True)
class Verdicts:
    """Per product: met (1, 0, -1 open), the numbers and rule that decided, the part that weighed most.

    part: index of the node, -1 for none; ambiguous: several rules may be the product's and differ.
    """

    met: Status
    number: Floats
    limit: Floats
    part: Ints
    rule: list[str]
    ambiguous: Bools

    @classmethod
    def open(cls, n: int) -> Verdicts:
        """Nothing decided."""
        return cls(
            np.full(n, -1, dtype=np.int8),
            np.full(n, np.nan),
            np.full(n, np.nan),
            np.full(n, -1, dtype=np.intp),
            [""] * n,
            np.zeros(n, dtype=np.bool_),
        )


def verdicts(lot: Lot, rules: RuleSet) -> Verdicts:
    """Judge every product of a lot by its rule in the set; several readings that differ are ambiguous."""
    by_code: dict[str, list[int]] = {}
    for position, code in enumerate(lot.product):
        by_code.setdefault(code, []).append(position)
    groups: dict[object, tuple[list[Rule], Tolerance | None, list[int]]] = {}
    for code, positions in by_code.items():
        candidates = [entry.rule for entry in rules.rules_for(code)]
        tolerance = rules.tolerance_for(code)
        key = (tuple(id(rule) for rule in candidates), id(tolerance))
        groups.setdefault(key, (candidates, tolerance, []))[2].extend(positions)
    found = Verdicts.open(len(lot.goods))
    for candidates, tolerance, positions in groups.values():
        chosen = np.array(positions, dtype=np.intp)
        part = lot.only(chosen)
        readings = [judge_lot(rule, part, tolerance) for rule in candidates]
        if readings:
            _write(found, chosen, readings)
    return found


def _write(found: Verdicts, chosen: Ints, readings: Sequence[Verdicts]) -> None:
    first = readings[0]
    met = first.met.copy()
    differ = np.zeros(len(chosen), dtype=np.bool_)
    for other in readings[1:]:
        differ |= (other.met != met) & (other.met >= 0) & (met >= 0)
        met = np.where((other.met < 0) | (met < 0), np.int8(-1), met).astype(np.int8)
    found.met[chosen], found.ambiguous[chosen] = met, differ & (met >= 0)
    found.number[chosen], found.limit[chosen], found.part[chosen] = first.number, first.limit, first.part
    for position, text in zip(chosen, first.rule, strict=True):
        found.rule[position] = text


def judge_lot(rule: Rule, lot: Lot, tolerance: Tolerance | None) -> Verdicts:
    """One rule on a lot; what arrays don't decide stays open."""
    match rule:
        case AnyOf() | AllOf():
            return _joined(rule, [judge_lot(inner, lot, tolerance) for inner in rule.rules])
        case Change():
            return _change(rule, lot, tolerance)
        case Value():
            return _value(rule, lot)
        case WhollyObtained():
            return _obtained(rule, lot)
        case _:
            return Verdicts.open(len(lot.goods))


def _joined(rule: AnyOf | AllOf, inner: Sequence[Verdicts]) -> Verdicts:
    """Kleene's or / and; the first part that decides gives its numbers."""
    wins = np.int8(1 if isinstance(rule, AnyOf) else 0)
    met = np.stack([part.met for part in inner])
    result = np.where((met == wins).any(axis=0), wins, np.where((met == 1 - wins).all(axis=0), 1 - wins, -1))
    which = np.argmax(met == result, axis=0)
    at = np.arange(met.shape[1])
    return Verdicts(
        result.astype(np.int8),
        np.stack([part.number for part in inner])[which, at],
        np.stack([part.limit for part in inner])[which, at],
        np.stack([part.part for part in inner])[which, at],
        [inner[w].rule[i] for i, w in enumerate(which)],
        np.zeros(met.shape[1], dtype=np.bool_),
    )


def _within(low: Ints, high: Ints, codes: Sequence[str]) -> tuple[Bools, Bools]:
    """Whether codes lie wholly in any range, and whether they may (too short to tell)."""
    sure, maybe = np.zeros(len(low), dtype=np.bool_), np.zeros(len(low), dtype=np.bool_)
    for first, last in map(span, codes):
        sure |= (first <= low) & (high <= last)
        maybe |= (first <= high) & (low <= last)
    return sure, maybe & ~sure


def _change(rule: Change, lot: Lot, tolerance: Tolerance | None) -> Verdicts:
    barred, unsure = _barred(rule, lot)
    counts = (lot.status != 1) & ~np.isin(lot.role, list(CLASSIFIED_WITH))
    against = counts & barred & (lot.status == 0)
    perhaps = counts & (barred | unsure) & ~against
    least = lot.total(np.where(against, lot.value, 0.0))
    most = least + lot.total(np.where(perhaps, lot.value, 0.0))
    hit = lot.total(against.astype(float)) > 0
    touched = lot.total((against | perhaps).astype(float)) > 0
    n = len(lot.goods)
    part = _largest(lot, against)
    texts = [str(rule)] * n
    nothing = np.full(n, np.nan)
    if tolerance is not None and tolerance.by == "weight" and rule.allow_share is None:
        met = np.where(touched, -1, 1).astype(np.int8)
        return Verdicts(met, nothing, nothing, part, texts, np.zeros(n, dtype=np.bool_))
    share, basis = rule.allow_share, rule.allow_of
    if share is None and tolerance is not None and tolerance.by != "weight":
        share, basis = tolerance.share, tolerance.by
    if share is None:
        met = np.where(~touched, 1, np.where(hit, 0, -1)).astype(np.int8)
        return Verdicts(met, nothing, nothing, part, texts, np.zeros(n, dtype=np.bool_))
    price = lot.price[basis]
    allowed = share * price + NEAR * price
    met = np.where(~touched | (most <= allowed), 1, np.where(least > allowed, 0, -1)).astype(np.int8)
    with np.errstate(invalid="ignore", divide="ignore"):
        number = np.where(touched & (price > 0), least / price, np.nan)
    limit = np.where(touched, share, np.nan)
    return Verdicts(met, number, limit, part, texts, np.zeros(n, dtype=np.bool_))


def _barred(rule: Change, lot: Lot) -> tuple[Bools, Bools]:
    """Materials that the rule keeps out, and those whose code is too short to tell."""
    if rule.only:
        sure, maybe = _within(lot.low, lot.high, rule.only)
        return ~sure & ~maybe, maybe
    excepted, maybe_excepted = _within(lot.low, lot.high, rule.except_)
    barred, unsure = excepted.copy(), maybe_excepted.copy()
    if rule.to != "any":
        step = 10 ** (DIGITS - LEVELS[rule.to])
        good_low, good_high = lot.good_low[lot.of], lot.good_high[lot.of]
        whole = (lot.low // step == lot.high // step) & (good_low // step == good_high // step)
        same = whole & (lot.low // step == good_low // step)
        overlap = ~whole & (lot.low // step <= good_high // step) & (good_low // step <= lot.high // step)
        barred |= same
        unsure = (unsure | overlap) & ~barred
    allowed, _ = _within(lot.low, lot.high, rule.allow)
    return barred & ~allowed, unsure & ~barred & ~allowed


def _value(rule: Value, lot: Lot) -> Verdicts:
    n = len(lot.goods)
    price = lot.price[rule.of]
    sure, maybe = _within(lot.low, lot.high, rule.materials)
    foreign = sure & (lot.status == 0)
    perhaps = (sure | maybe) & (lot.status != 1) & ~foreign
    least = lot.total(np.where(foreign, lot.value, 0.0))
    most = least + lot.total(np.where(perhaps, lot.value, 0.0))
    with np.errstate(invalid="ignore", divide="ignore"):
        if rule.at_most is not None:
            low, high, limit = least / price, most / price, rule.at_most
            met = np.where(high <= limit + NEAR, 1, np.where(low > limit + NEAR, 0, -1))
            number = low
        else:
            assert rule.at_least is not None
            limit = rule.at_least
            if rule.method == "build-down":
                low, high = 1 - most / price, 1 - least / price
            else:
                own = lot.total(np.where(lot.status == 1, lot.value, 0.0))
                added = lot.price["fob"] - lot.total(lot.value) if rule.method == "direct" else 0.0
                low = (own + added) / price
                high = low + (most - least) / price
            met = np.where(low >= limit - NEAR, 1, np.where(high < limit - NEAR, 0, -1))
            number = high if rule.method == "build-down" else low
    met = np.where(price > 0, met, -1).astype(np.int8)
    part = _largest(lot, foreign)
    return Verdicts(met, number, np.full(n, limit), part, [str(rule)] * n, np.zeros(n, dtype=np.bool_))


def _obtained(rule: WhollyObtained, lot: Lot) -> Verdicts:
    n = len(lot.goods)
    sure, maybe = _within(lot.low, lot.high, rule.materials)
    against = (sure & (lot.status == 0)) | (sure & (lot.obtained == 0))
    unknown = (sure | maybe) & ~against & ((lot.obtained < 0) | (lot.status < 0) | maybe)
    bad, unclear = (lot.total(mask.astype(float)) > 0 for mask in (against, unknown))
    met = np.where(bad, 0, np.where(unclear, -1, 1))
    if rule.materials == ("*",):
        bare = lot.total(np.ones(len(lot.of))) == 0
        met = np.where(lot.good_obtained >= 0, lot.good_obtained, np.where(bare, -1, met))
    nothing = np.full(n, np.nan)
    part = _largest(lot, against)
    return Verdicts(met.astype(np.int8), nothing, nothing, part, [str(rule)] * n, np.zeros(n, dtype=np.bool_))


def _largest(lot: Lot, mask: Bools) -> Ints:
    """The node of most value among some materials of each product; -1 for none."""
    at = np.flatnonzero(mask)
    part = np.full(len(lot.goods), -1, dtype=np.intp)
    order = at[np.argsort(lot.value[at], kind="stable")]
    part[lot.of[order]] = lot.material[order]
    return part
