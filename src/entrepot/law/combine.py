"""How measures combine: the arithmetic of one regime on many cases at once.

A *case* is a product of an origin with settled facts. For each case, in this order:

1. *Reach.* A measure hits the part p of the value that its `portion` gives (all of it by default), less
   the part that the families in its `unless` hit: p = portion · (1 - min(1, Σ p of those)).
2. *Amount.* By ascending `order`; within one order
   a. measures that only add:  amount = p · rate;
   b. measures that set:       what a family in `sets` came to so far is multiplied by 1 - min(1, p / q), with q
                               the part of the value which that family hits, then amount = p · rate;
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

    `slots[i]` is the slot of `hits[i]`; measures of different families never share one. Raises LawError if
    `unless` runs in a circle, or two measures of one order would give different results in either sequence.
    """
    reach = _reach(hits, n_cases)
    by_slot = np.zeros((n_slots, n_cases))
    slots_in = _SlotsOfFamily(hits, slots)
    covered = _Covered(hits, slots, reach, n_cases)
    levels = sorted({hit.measure.order for hit in hits})
    for level in levels:
        at_level = [i for i, hit in enumerate(hits) if hit.measure.order == level]
        limits = [i for i in at_level if hits[i].measure.rate.is_limit]
        setters = [i for i in at_level if hits[i].measure.sets and i not in limits]
        adders = [i for i in at_level if i not in limits and i not in setters]
        _check_commute(hits, reach, setters, limits)
        for i in adders:
            by_slot[slots[i], hits[i].cases] += reach[i] * hits[i].rate
        for i in setters:
            _replace(by_slot, slots_in(hits[i].measure.sets), covered, hits[i].cases, reach[i])
        for i in setters:
            by_slot[slots[i], hits[i].cases] += reach[i] * hits[i].rate
        # Every limit of the level reads the same totals, then all are charged.
        charged = [(i, _limit(by_slot, slots_in(hits[i].measure.rate.of), hits[i], reach[i])) for i in limits]
        for i, amount in charged:
            _replace(by_slot, slots_in(hits[i].measure.sets), covered, hits[i].cases, reach[i])
            by_slot[slots[i], hits[i].cases] += amount
    return Amounts(by_slot, reach)


class _SlotsOfFamily:
    """The slots that lie in any of some families."""

    def __init__(self, hits: Sequence[Hit], slots: Sequence[int]) -> None:
        self._family_of = {slot: hit.measure.family for hit, slot in zip(hits, slots, strict=True)}

    def __call__(self, names: Sequence[str]) -> list[int]:
        return [s for s, family in self._family_of.items() if lies_in(family, tuple(names))]


class _Covered:
    """The part of the value that the hits of a slot reach, per case; at most 1. Worked out when asked for."""

    def __init__(
        self, hits: Sequence[Hit], slots: Sequence[int], reach: Sequence[Array], n_cases: int
    ) -> None:
        self._of_slot: dict[int, list[tuple[Hit, Array]]] = {}
        for hit, slot, part in zip(hits, slots, reach, strict=True):
            self._of_slot.setdefault(slot, []).append((hit, part))
        self._n_cases = n_cases
        self._known: dict[int, Array] = {}

    def __getitem__(self, slot: int) -> Array:
        if slot not in self._known:
            total = np.zeros(self._n_cases)
            for hit, part in self._of_slot[slot]:
                total[hit.cases] += part
            self._known[slot] = np.minimum(total, 1.0)
        return self._known[slot]


def _replace(
    by_slot: Array, slots: Sequence[int], covered: _Covered, cases: NDArray[np.intp], reach: Array
) -> None:
    for slot in slots:
        hit = covered[slot][cases]
        # Both parts are taken to overlap as far as they go: a rate in lieu of another on the goods beside their
        # metal content replaces all that the other, which is on the same part, came to.
        share = np.divide(reach, hit, out=np.ones_like(hit), where=hit > reach)
        by_slot[slot, cases] *= 1 - np.where(reach > 0, share, 0.0)


def _limit(by_slot: Array, slots: Sequence[int], hit: Hit, reach: Array) -> Array:
    total = np.zeros(len(hit.cases))
    for slot in slots:
        total += by_slot[slot, hit.cases]
    rate = hit.measure.rate
    if rate.floor is not None:
        return reach * np.maximum(0.0, rate.floor - total)
    assert rate.ceiling is not None  # the model admits no third kind of limit
    return reach * np.minimum(0.0, rate.ceiling - total)


def _reach(hits: Sequence[Hit], n_cases: int) -> list[Array]:
    """The part of the value that each hit reaches, one array per hit (step 1)."""
    reach: list[Array | None] = [None] * len(hits)
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
        part = hit.portion
        names = hit.measure.unless
        if names:
            if names not in coverage:
                covered = np.zeros(n_cases)
                for family, members in by_family.items():
                    if lies_in(family, names):
                        for j in members:
                            covered[hits[j].cases] += settle(j, (*path, i))
                coverage[names] = 1 - np.minimum(covered, 1.0)
            part = part * coverage[names][hit.cases]
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
