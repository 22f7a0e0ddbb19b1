"""Cases: the few thousand different questions that a year of trade asks the law.

A line for which a fact holds in part (38 % claimed USMCA) is split into parts for which it holds and
doesn't; then lines that no measure of the law can tell apart become one case. Value is conserved.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date

import numpy as np
from numpy.typing import NDArray

from entrepot.errors import Unresolved
from entrepot.law.combine import Array, Hit
from entrepot.law.measure import Condition, Measure, Products
from entrepot.law.scope import Mask, ProductIndex, membership_epoch, rate_for, reaches

Index = NDArray[np.intp]


class MissingFact(Unresolved):
    """A fact is needed and unknown for the cases at these indices."""

    def __init__(self, fact: str, cases: Index) -> None:
        super().__init__(f"the fact {fact!r} is needed and not known")
        self.fact = fact
        self.cases = cases


@dataclass(frozen=True)
class Cases:
    """Distinct questions: product, origin and settled facts, each an array with one entry per case.

    `product` and `origin` index `products.codes` and `origins`. `facts` holds truths as 0 or 1, shares and
    rates as fractions, and each option of a choice as 0 or 1 under `programme.USMCA`; NaN is unknown.
    """

    products: ProductIndex
    origins: tuple[str, ...]
    product: Index
    origin: Index
    facts: Mapping[str, Array]

    def __len__(self) -> int:
        return len(self.product)


class Reach:
    """The products and origins that each measure reaches, worked out once for a ledger."""

    def __init__(
        self,
        products: ProductIndex,
        origins: Sequence[str],
        lists: Mapping[str, tuple[str, ...]],
        tables: Mapping[str, Mapping[str, float]],
    ) -> None:
        self.products = products
        self.origins = tuple(origins)
        self._lists = lists
        self._tables = tables
        self._product_masks: dict[Products, Mask] = {}
        self._origin_rates: dict[object, Array] = {}

    def by_class(self, measures: Iterable[Measure]) -> tuple[Reach, Index]:
        """The reach of one product per class, and int (product): the class of each.

        Products are of one class if every one of the measures reaches both or neither.
        """
        scopes = dict.fromkeys(m.products for m in measures)
        masks = [self.product_mask_of(scope) for scope in scopes]
        first, class_of = _classes(np.array(masks, dtype=bool).reshape(len(masks), len(self.products.codes)))
        classes = Reach(
            ProductIndex([self.products.codes[i] for i in first]), self.origins, self._lists, self._tables
        )
        classes._product_masks = {scope: mask[first] for scope, mask in zip(scopes, masks, strict=True)}
        classes._origin_rates = self._origin_rates
        return classes, class_of

    def product_mask(self, measure: Measure) -> Mask:
        """bool (product): which products the measure reaches."""
        return self.product_mask_of(measure.products)

    def product_mask_of(self, scope: Products) -> Mask:
        """bool (product): which products lie in a scope."""
        if scope not in self._product_masks:
            self._product_masks[scope] = self.products.reached_by(scope, self._lists)
        return self._product_masks[scope]

    def origin_rates(self, measure: Measure, day: date) -> Array:
        """float (origin): NaN where the measure doesn't reach; else its rate if that is by origin, or 0."""
        key = (measure.origins, measure.rate.by_origin, membership_epoch(day))
        if key not in self._origin_rates:
            where = f"measure {measure.id!r}"
            self._origin_rates[key] = np.array(
                [self._origin_rate(measure, origin, day, where) for origin in self.origins], dtype=float
            )
        return self._origin_rates[key]

    def _origin_rate(self, measure: Measure, origin: str, day: date, where: str) -> float:
        if not reaches(measure.origins, origin, day, where):
            return np.nan
        if measure.rate.by_origin is None:
            return 0.0
        rate = rate_for(self._tables[measure.rate.by_origin], origin, day)
        return np.nan if rate is None else rate


def _classes(masks: Mask) -> tuple[Index, Index]:
    """Columns that are equal throughout are one class: the first column of each class, and the class of each column.

    Classes are numbered in the order of their first columns, so that sums run in the same order whatever the
    law. `masks` is bool (mask, column).
    """
    count = masks.shape[1]
    packed = np.zeros((count, max(1, -(-len(masks) // 64)) * 8), dtype=np.uint8)
    bits = np.packbits(masks, axis=0)
    packed[:, : len(bits)] = bits.T
    words = packed.view(np.uint64).T
    order = np.lexsort(words)
    new = np.ones(count, dtype=bool)
    new[1:] = (words[:, order[1:]] != words[:, order[:-1]]).any(axis=0)
    group = np.cumsum(new) - 1
    # lexsort is stable: the first of a group is its lowest column.
    first = order[new]
    rank = np.argsort(first)
    class_of = np.empty(count, dtype=np.intp)
    class_of[order] = np.argsort(rank)[group]
    return first[rank], class_of


def hit_of(measure: Measure, cases: Cases, reach: Reach, day: date) -> Hit | None:
    """The measure on the cases that its scope and conditions reach; None if it reaches none.

    A rate that isn't known is NaN. Raises MissingFact if a condition or portion turns on a fact that is
    unknown for one of these cases.
    """
    by_origin = reach.origin_rates(measure, day)
    if np.isnan(by_origin).all():
        return None
    inside = ~np.isnan(by_origin)[cases.origin]
    inside &= reach.product_mask(measure)[cases.product]
    at = np.flatnonzero(inside)
    for condition in measure.when:
        at = at[holds(condition, cases.facts, at)]
    if not len(at):
        return None
    portion = np.ones(len(at))
    if measure.portion is not None:
        share = known(cases.facts, measure.portion.fact, at)
        portion = 1 - share if measure.portion.rest else share
    return Hit(measure, at, portion, _rate(measure, cases, by_origin, at))


def _rate(measure: Measure, cases: Cases, by_origin: Array, at: Index) -> Array | float:
    rate = measure.rate
    if rate.by_origin is not None:
        return by_origin[cases.origin[at]]
    if rate.fact is not None:
        # NaN where unknown: it then is the amount that is unknown, not whether the measure applies.
        return cases.facts[rate.fact][at]
    charged = rate.ad_valorem or 0.0
    if rate.specific is None:
        return charged
    return charged + rate.specific * cases.facts[f"quantity.{rate.unit}"][at]


def holds(condition: Condition, facts: Mapping[str, Array], at: Index) -> Mask:
    """Whether a condition holds, for the cases at these indices.

    Raises MissingFact if the fact is unknown for one of them.
    """
    if condition.is_ is not None or condition.is_not is not None:
        wanted = condition.is_ if condition.is_ is not None else condition.is_not
        name = condition.fact if isinstance(wanted, bool) else f"{condition.fact}.{wanted}"
        found = known(facts, name, at) > 0.5
        expected = wanted if isinstance(wanted, bool) else True
        return np.equal(found, expected if condition.is_ is not None else not expected)
    value = known(facts, condition.fact, at)
    if condition.at_least is not None:
        return value >= condition.at_least
    if condition.below is not None:
        return value < condition.below
    if condition.at_most is not None:
        return value <= condition.at_most
    assert condition.above is not None  # the model admits no fifth comparison
    return value > condition.above


def known(facts: Mapping[str, Array], name: str, at: Index) -> Array:
    """The values of a fact at these cases. Raises MissingFact if one is unknown."""
    values = facts[name][at]
    missing = np.isnan(values)
    if missing.any():
        raise MissingFact(name, at[missing])
    return values


def asked_by(measure: Measure) -> set[str]:
    """The full names of the facts that a measure asks for; of a choice, the options it names."""
    asked = set(measure.needs())
    for condition in measure.when:
        word = condition.is_ if condition.is_ is not None else condition.is_not
        if isinstance(word, str):
            asked.discard(condition.fact)
            asked.add(f"{condition.fact}.{word}")
    return asked


def atoms(measures: Iterable[Measure]) -> dict[str, tuple[str, ...]]:
    """The facts that measures need, and for choices the options they ask for: programme → (USMCA,)."""
    found: dict[str, dict[str, None]] = {}
    for measure in measures:
        for name in measure.needs():
            found.setdefault(name, {})
        for condition in measure.when:
            word = condition.is_ if condition.is_ is not None else condition.is_not
            if isinstance(word, str):
                found[condition.fact][word] = None
    return {name: tuple(options) for name, options in found.items()}
