"""How measures combine: the arithmetic of one regime on many cases at once.

A *case* is a product of an origin with settled facts. For each case, in this order:

1. *Reach.* A measure hits the part p of the value that its `portion` gives (all of it by default), less
   the part that the families in its `unless` hit: p = portion · (1 - min(1, Σ p of those)).
2. *Amount.* By ascending `order`; within one order
   a. measures that only add:  amount = p · rate;
   b. measures that set:       what a family in `sets` came to so far is multiplied by 1 - min(1, p / q), with q
                               the part of the value on which that stands, then amount = p · rate;
   c. limits:                  amount = p · max(0, floor - T) or p · min(0, ceiling - T), where T is what the
                               families in `of` came to.

Within a step of one order the outcome does not depend on sequence; where it would, `combine` raises and
asks for an `order`. All amounts are fractions of customs value.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from entrepot.errors import LawError
from entrepot.law.measure import Measure, lies_in

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Hit:
    """A measure on the cases that its scope and conditions reach.

    `cases`: ascending indices; `portion`: one per entry of `cases`; `rate`: a number, or one per entry
    (unused for limits).
    """

    measure: Measure
    cases: NDArray[np.intp]
    portion: Array
    rate: Array | float


@dataclass(frozen=True)
class Amounts:
    """What a regime charges: `by_slot` (slot, case), fractions of value, and the reach of each hit."""

    by_slot: Array
    reach: list[Array]


def combine(hits: Sequence[Hit], slots: Sequence[int], n_slots: int, n_cases: int) -> Amounts:
    """Charge every hit on its cases and gather the amounts in slots (families, or single measures).

    `slots[i]` is the slot of `hits[i]`; measures of different families never share one. The sum over slots
    doesn't depend on how they are cut. Raises LawError if `unless` runs in a circle, or two measures of one
    order would give different results in either sequence.
    """
    reach = _reach(hits, n_cases)
    charged = _Charged(hits, slots, n_slots, n_cases)
    for level in sorted({hit.measure.order for hit in hits}):
        at_level = [i for i, hit in enumerate(hits) if hit.measure.order == level]
        limits = [i for i in at_level if hits[i].measure.rate.is_limit]
        setters = [i for i in at_level if hits[i].measure.sets and i not in limits]
        adders = [i for i in at_level if i not in limits and i not in setters]
        _check_commute(hits, reach, setters, limits)
        for i in adders:
            charged.add(i, reach[i], reach[i] * hits[i].rate)
        for i in setters:
            charged.replace(i, reach[i])
        for i in setters:
            charged.add(i, reach[i], reach[i] * hits[i].rate)
        # Every limit of the level reads the same totals, then all are charged.
        for i, amount in [(i, _limit(charged, hits[i], reach[i])) for i in limits]:
            charged.replace(i, reach[i])
            charged.add(i, reach[i], amount)
    return Amounts(charged.by_slot, reach)


class _Charged:
    """What has been charged so far: amounts by slot, and the part of the value on which each family stands."""

    def __init__(self, hits: Sequence[Hit], slots: Sequence[int], n_slots: int, n_cases: int) -> None:
        self.by_slot = np.zeros((n_slots, n_cases))
        self._hits = hits
        self._slots = slots
        self._family_of = {slot: hit.measure.family for hit, slot in zip(hits, slots, strict=True)}
        named = {name for hit in hits for name in hit.measure.sets}
        families = set(self._family_of.values())
        # Kept only for families that some measure replaces.
        self._stands = {f: np.zeros(n_cases) for f in families if named and lies_in(f, tuple(named))}

    def slots_in(self, names: tuple[str, ...]) -> list[int]:
        """The slots of families that lie in one of `names`."""
        return [slot for slot, family in self._family_of.items() if lies_in(family, names)]

    def add(self, i: int, reach: Array, amount: Array) -> None:
        """Charge an amount on the part of the value that hit `i` reaches."""
        hit = self._hits[i]
        self.by_slot[self._slots[i], hit.cases] += amount
        stands = self._stands.get(hit.measure.family)
        if stands is not None:
            stands[hit.cases] = np.minimum(1.0, stands[hit.cases] + reach)

    def replace(self, i: int, reach: Array) -> None:
        """Take away what the families that hit `i` sets came to on the part that it reaches.

        That part and theirs are taken to overlap as far as they go: a rate in lieu of another on the goods
        beside their metal content replaces all that the other, which is on the same part, came to.
        """
        hit = self._hits[i]
        names = hit.measure.sets
        left = {}
        for family, stands in self._stands.items():
            if names and lies_in(family, names):
                part = stands[hit.cases]
                left[family] = np.clip(
                    1 - np.divide(reach, part, out=np.ones_like(part), where=part > reach), 0, 1
                )
                left[family][reach == 0] = 1.0
                stands[hit.cases] = np.maximum(0.0, part - reach)
        for slot in self.slots_in(names) if names else ():
            keep = left[self._family_of[slot]]
            # An unknown amount that is wholly replaced is known: it is nothing.
            self.by_slot[slot, hit.cases] = np.where(keep == 0, 0.0, self.by_slot[slot, hit.cases] * keep)


def _limit(charged: _Charged, hit: Hit, reach: Array) -> Array:
    total = np.zeros(len(hit.cases))
    for slot in charged.slots_in(hit.measure.rate.of):
        total += charged.by_slot[slot, hit.cases]
    rate = hit.measure.rate
    if rate.floor is not None:
        return reach * np.maximum(0.0, rate.floor - total)
    assert rate.ceiling is not None  # the model admits no third kind of limit
    return reach * np.minimum(0.0, rate.ceiling - total)


def _reach(hits: Sequence[Hit], n_cases: int) -> list[Array]:
    """The part of the value that each hit reaches, one array per hit (step 1)."""
    reach: list[Array | None] = [None if hit.measure.unless else hit.portion for hit in hits]
    coverage: dict[tuple[str, ...], Array] = {}
    by_family: dict[str, list[int]] = {}
    for i, hit in enumerate(hits):
        by_family.setdefault(hit.measure.family, []).append(i)

    def settle(i: int, path: tuple[int, ...]) -> Array:
        done = reach[i]
        if done is not None:
            return done
        if i in path:
            circle = " → ".join(hits[j].measure.id for j in (*path[path.index(i) :], i))
            raise LawError(f"`unless` runs in a circle: {circle}; one of them has to apply first")
        hit = hits[i]
        names = hit.measure.unless
        if names not in coverage:
            covered = np.zeros(n_cases)
            for family, members in by_family.items():
                if lies_in(family, names):
                    for j in members:
                        covered[hits[j].cases] += settle(j, (*path, i))
            coverage[names] = 1 - np.minimum(covered, 1.0)
        part = hit.portion * coverage[names][hit.cases]
        reach[i] = part
        return part

    return [settle(i, ()) for i in range(len(hits))]


def _check_commute(
    hits: Sequence[Hit], reach: Sequence[Array], setters: list[int], limits: list[int]
) -> None:
    """Raise LawError for two measures of one order on one case whose sequence would matter."""
    for group, reads in ((setters, lambda m: m.sets), (limits, lambda m: (*m.rate.of, *m.sets))):
        for position, i in enumerate(group):
            for j in group[:position]:
                a, b = hits[i].measure, hits[j].measure
                tangled = lies_in(a.family, reads(b)) or lies_in(b.family, reads(a))
                if tangled and _meet(hits[i].cases, reach[i], hits[j].cases, reach[j]):
                    raise LawError(
                        f"measures {a.id!r} and {b.id!r} both decide family {a.family!r} for the same goods, and "
                        f"both have order {a.order}: give one of them another `order`, or make their scopes disjoint"
                    )


def _meet(cases_a: NDArray[np.intp], reach_a: Array, cases_b: NDArray[np.intp], reach_b: Array) -> bool:
    common = np.intersect1d(cases_a[reach_a > 0], cases_b[reach_b > 0], assume_unique=True)
    return len(common) > 0
