"""Does a product originate under a set of rules? Resolved, unresolved or ambiguous, with the arithmetic.

What counts as originating material under a rule set, in this order:

1. what its supplier declares originating under that set (`originating = ["uk-vietnam"]`);
2. a part made by the producer, or bought with its parts listed from a maker in the zone, that meets the rule
   of its own product: all of its value counts as originating (absorption);
3. a part made by the producer that doesn't: it is looked through, its materials count one by one; so too,
   under full cumulation, a part made anywhere in the zone;
4. a bought part whose origin lies in the zone of cumulation; one whose origin is another doesn't originate,
   and of one whose origin isn't known it isn't known.

Packing for shipment and indirect materials are left out (neutral elements).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from decimal import Decimal
from typing import Literal

from entrepot import economies
from entrepot.origin.bill import NEUTRAL, ZERO, Bill, Part
from entrepot.origin.content import Estimator, content
from entrepot.origin.findings import Finding, Material, all_notes, once
from entrepot.origin.judge import Goods, judge
from entrepot.origin.rules import Economy, ProductRule, RuleSet
from entrepot.origin.transformation import by_part_102

MINIMAL = "minimal-operations"
"""The fact that nothing more is done than operations which confer no origin, whatever else holds."""

Answer = Literal["resolved", "unresolved", "ambiguous"]


@dataclass(frozen=True)
class Reading:
    """One rule of the set that may be the product's, judged. `origin` is what follows, if anything does."""

    rule: ProductRule
    finding: Finding
    origin: str | None = None

    @property
    def title(self) -> str:
        """Which rule, in words."""
        return self.rule.title


@dataclass(frozen=True)
class Determination:
    """The answer of one rule set on one product.

    qualifies: whether it originates in `made_in`; None unless resolved. origin: the economy found, if one
    was. missing: facts on which an unresolved answer turns. conditions: what else the text asks and nobody
    judged here. materials: how each was counted.
    """

    product: str
    made_in: str
    rule_set: RuleSet
    answer: Answer
    qualifies: bool | None
    origin: str | None
    readings: tuple[Reading, ...]
    missing: tuple[str, ...]
    conditions: tuple[str, ...]
    materials: tuple[Material, ...]

    @property
    def outcome(self) -> str:
        """The outcome in a word or two."""
        if self.answer != "resolved":
            return self.answer
        if self.rule_set.preferential:
            return "originating" if self.qualifies else "not originating"
        if self.origin is not None:
            return f"origin {self.origin}"
        return "met" if self.qualifies else "not met"


def determine(
    bill: Bill,
    rules: RuleSet,
    *,
    on: date | None = None,
    estimate: Estimator | None = None,
    reading: str | None = None,
) -> Determination:
    """Judge a bill by a set of rules.

    `on` settles who is in a group (default: whoever is or was); `estimate` fills unknown content for caps on
    content; `reading` picks one of several rules whose title contains that text.
    """
    zone = zone_of(rules, bill.made_in, on)
    parties = _members(rules.parties, on)
    if parties and bill.made_in not in parties:
        finding = Finding(
            "made in a party",
            "party",
            False,
            f"made in {bill.made_in}, which is no party ({', '.join(rules.parties)})",
        )
        reading_ = Reading(ProductRule(products=("*",), rule=rules.rules[0].rule, heading="parties"), finding)
        return Determination(
            bill.root.product, bill.made_in, rules, "resolved", False, None, (reading_,), (), (), ()
        )
    goods = goods_of(bill, rules, zone, estimate)
    return _answer(bill, rules, goods, _readings(goods, rules, reading))


def compare(
    bill: Bill,
    sets: Sequence[RuleSet],
    *,
    on: date | None = None,
    estimate: Estimator | None = None,
) -> list[Determination]:
    """What each rule set gives, in the order given."""
    return [determine(bill, rules, on=on, estimate=estimate) for rules in sets]


def _readings(goods: Goods, rules: RuleSet, pick: str | None) -> list[Reading]:
    candidates = rules.rules_for(goods.product)
    if pick is not None:
        candidates = tuple(r for r in candidates if pick.lower() in r.title.lower()) or candidates
    tolerance = rules.tolerance_for(goods.product)
    readings = []
    for rule in candidates:
        finding = judge(rule.rule, goods, tolerance, by_part_102)
        if rules.preferential and goods.facts.get(MINIMAL) is True:
            why = "only operations that confer nothing (simple assembly, packing, …) are done, says the bill"
            finding = Finding(str(rule.rule), "minimal-operations", False, why, inner=())
        origin = goods.made_in if finding.met and rules.preferential else finding.deciding().origin
        readings.append(Reading(rule, finding, origin))
    return readings


def _answer(bill: Bill, rules: RuleSet, goods: Goods, readings: Sequence[Reading]) -> Determination:
    results = {reading.finding.met for reading in readings}
    origins = {reading.origin for reading in readings}
    missing: tuple[str, ...] = ()
    answer: Answer = "resolved"
    if not readings:
        answer, missing = "unresolved", (f"a rule for {goods.product} in {rules.name}",)
    elif None in results:
        answer = "unresolved"
        missing = once(name for r in readings for name in r.finding.missing if r.finding.met is None)
    elif len(results) > 1 or len(origins) > 1:
        answer = "ambiguous"
    settled = answer == "resolved"
    return Determination(
        bill.root.product,
        bill.made_in,
        rules,
        answer,
        results.pop() if settled else None,
        origins.pop() if settled else None,
        tuple(readings),
        missing,
        once([*rules.conditions, *(note for r in readings for note in all_notes(r.finding))]),
        goods.materials,
    )


def zone_of(rules: RuleSet, made_in: str, on: date | None = None) -> frozenset[str]:
    """Economies whose materials count as the producer's own, by the set's cumulation."""
    kind = rules.cumulation.kind
    if kind == "none" or not rules.parties:
        return frozenset({made_in})
    zone = _members(rules.parties, on)
    if kind == "diagonal":
        zone |= _members(rules.cumulation.with_, on)
    return zone


def _members(names: Sequence[Economy], on: date | None) -> frozenset[str]:
    found: set[str] = set()
    for name in names:
        # Trade with a group is often recorded as trade with one partner, so its own name counts too.
        found.add(name)
        if not economies.is_group(name):
            continue
        if on is None:
            found |= {m.economy for m in economies.memberships(name) if m.until is None}
        else:
            found |= economies.members(name, on)
    return frozenset(found)


def goods_of(bill: Bill, rules: RuleSet, zone: frozenset[str], estimate: Estimator | None = None) -> Goods:
    """The product as the rules see it: materials with their status, prices, content, facts."""
    materials = tuple(_materials(bill.root, bill.name, bill.made_in, bill.facts, rules, zone))
    return Goods(
        path=bill.name,
        product=bill.root.product,
        made_in=bill.made_in,
        materials=materials,
        added_usd=_added(bill.root, materials, bill.fob_usd),
        price=bill.price,
        content=lambda direct: content(bill, direct=direct, estimate=estimate),
        facts=bill.facts,
        weight_kg=bill.root.weight_kg,
        wholly_obtained=bill.root.wholly_obtained,
        in_zone=bill.made_in in zone,
    )


def _added(part: Part, materials: Sequence[Material], price: Decimal) -> Decimal:
    """What the producer adds: the price less all materials (neutral elements are overhead)."""
    return price - sum((m.value_usd for m in materials), ZERO)


def _materials(
    part: Part,
    path: str,
    producer: str,
    facts: Mapping[str, bool | float | str],
    rules: RuleSet,
    zone: frozenset[str],
) -> Iterator[Material]:
    for child in part.parts:
        where = f"{path} / {child.name}"
        if child.role in NEUTRAL:
            continue
        looked_through = child.parts and _same_producer(child, producer, rules, zone)
        status, why = status_of(child, where, producer, facts, rules, zone)
        if looked_through and status is not True:
            yield from _materials(child, where, producer, facts, rules, zone)
        else:
            yield Material(
                where,
                child.product,
                child.origin,
                child.value_usd,
                status,
                why,
                child.wholly_obtained,
                child.weight_kg,
                child.role,
            )


def _same_producer(part: Part, producer: str, rules: RuleSet, zone: frozenset[str]) -> bool:
    """Whether a part is looked through: made by the producer, or anywhere in a zone of full cumulation."""
    full = rules.cumulation.kind == "full" and part.place in zone
    return full or (part.made and part.place == producer)


def status_of(
    part: Part,
    path: str,
    producer: str,
    facts: Mapping[str, bool | float | str],
    rules: RuleSet,
    zone: frozenset[str],
) -> tuple[bool | None, str]:
    """Whether a part originates under the rules, and why."""
    if rules.name in part.originating:
        return True, f"declared originating under {rules.name}"
    if part.parts and part.place in zone and part.product:
        sub = Bill(replace(part, made=True), _facts_of(part, facts))
        own = goods_of(sub, rules, zone)
        found = [r.finding for r in _readings(replace(own, path=path), rules, None)]
        if found and all(f.met for f in found):
            return True, f"originates by its own rule: {found[0].deciding().arithmetic}"
        if found and any(f.met is None for f in found):
            return None, f"open by its own rule: {', '.join(found[0].missing[:2])}"
        return False, "does not meet the rule of its own product"
    if part.made and part.parts and not part.product:
        return False, "made by the producer, without a code of its own: its materials count"
    if not part.origins:
        return None, "origin unknown"
    inside = {origin in zone for origin in part.origins}
    if len(inside) > 1:
        return None, f"from {part.origin}"
    return (True, f"origin {part.origin}") if inside.pop() else (False, f"origin {part.origin}")


def _facts_of(part: Part, facts: Mapping[str, bool | float | str]) -> dict[str, bool | float | str]:
    """The facts of a sub-assembly: those written with its name before them."""
    stem = f"{part.name}."
    return {name.removeprefix(stem): value for name, value in facts.items() if name.startswith(stem)}
