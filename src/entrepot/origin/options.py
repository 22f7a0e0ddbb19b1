"""A bill with alternatives as a choice: slots with options, and what each option brings.

A slot is a leaf of what the producer makes; its options are the part as it is and its alternatives. A slot
without alternatives has one option, so that sums run over options alone.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from entrepot.errors import BillError, Infeasible
from entrepot.origin.bill import NEUTRAL, NOT_IN_NET_COST, ZERO, Alternative, Bill, Charge, Part, bought, walk
from entrepot.origin.content import ANYWHERE, Estimator, Piece, spread
from entrepot.origin.determine import status_of, zone_of
from entrepot.origin.findings import Material
from entrepot.origin.limits import Array, Terms
from entrepot.origin.rules import RuleSet


@dataclass(frozen=True)
class Option:
    """One way to fill a slot: the part as bought so; surplus_usd is what a minimum order adds per product."""

    slot: int
    path: str
    part: Part
    pick: Alternative | None
    surplus_usd: Decimal
    lead_time_days: int | None

    @property
    def label(self) -> str:
        """Who supplies it, from where."""
        return f"{self.part.supplier or 'as in the bill'} ({self.part.origin})"


@dataclass(frozen=True)
class Choice:
    """All options of a bill, slot by slot. `left_out` says which weren't fit, and why."""

    bill: Bill
    options: tuple[Option, ...]
    slots: int
    left_out: tuple[str, ...]
    estimate: Estimator | None = None

    @cached_property
    def slot_of(self) -> NDArray[np.intp]:
        """The slot of each option."""
        return np.array([option.slot for option in self.options], dtype=np.intp)

    @cached_property
    def value(self) -> Array:
        """USD in one product that each option adds to its price."""
        return np.array([float(option.part.value_usd) for option in self.options])

    @cached_property
    def surplus(self) -> Array:
        """USD in one product spent on units beyond the need."""
        return np.array([float(option.surplus_usd) for option in self.options])

    @cached_property
    def pieces(self) -> list[list[Piece]]:
        """How the value of each option spreads over economies."""
        return [list(spread(option.path, option.part, self.estimate)) for option in self.options]

    @cached_property
    def _contents(self) -> dict[str, tuple[Array, float]]:
        return {}

    def content(self, economy: str) -> tuple[Array, float]:
        """The most that each option, and what is fixed, may hold of an economy; USD."""
        if economy not in self._contents:
            self._contents[economy] = self._content(economy)
        return self._contents[economy]

    def _content(self, economy: str) -> tuple[Array, float]:
        n = np.array(
            [
                sum(
                    float(p.value_usd) * min(1.0, p.high.get(economy, 0.0) + p.high.get(ANYWHERE, 0.0))
                    for p in pieces
                )
                for pieces in self.pieces
            ]
        )
        earned = sum((c.value_usd for c in self._charges() if c.economy == economy), ZERO)
        return n, float(earned) + float(self._gap)

    def price(self, basis: str) -> tuple[Array, float]:
        """A price over options and what is fixed of it; USD."""
        if basis == "transaction" and self.bill.transaction_value_usd is not None:
            return np.zeros(len(self.options)), float(self.bill.transaction_value_usd)
        kinds = {"ex-works": ("works",), "net-cost": ("works",)}.get(basis, ("works", "fob"))
        fixed = sum(
            (
                c.value_usd
                for c in self._charges()
                if c.stage in kinds and not (basis == "net-cost" and c.kind in NOT_IN_NET_COST)
            ),
            ZERO,
        )
        return self.value, float(fixed)

    def terms(self, rules: RuleSet | None = None) -> Terms:
        """What limits are made of, with every option's status under a set of rules."""
        materials: Sequence[Material] = ()
        if rules is not None:
            zone = zone_of(rules, self.bill.made_in)
            materials = [self._material(option, rules, zone) for option in self.options]
        return Terms(self.bill, materials, self.value, self.content, self.price, self.bill.facts)

    def picks(self, x: Array) -> dict[str, Alternative]:
        """The alternatives that a choice takes, by path."""
        chosen = (o for o, taken in zip(self.options, x, strict=True) if taken > 0.5)
        return {option.path: option.pick for option in chosen if option.pick is not None}

    def _material(self, option: Option, rules: RuleSet, zone: frozenset[str]) -> Material:
        part = option.part
        if part.role in NEUTRAL:
            return Material(option.path, part.product, part.origin, ZERO, True, "neutral element")
        status, why = status_of(part, option.path, self.bill.made_in, self.bill.facts, rules, zone)
        return Material(
            option.path,
            part.product,
            part.origin,
            part.value_usd,
            status,
            why,
            part.wholly_obtained if option.pick is None else None,
            part.weight_kg,
            part.role,
        )

    def _charges(self) -> list[Charge]:
        made = [part for _, part in _made(self.bill.root, "")]
        return [c for part in made for c in part.charges if c.stage != "sea"]

    @property
    def _gap(self) -> Decimal:
        """A stated price above FOB is the seller's, of no known economy."""
        stated = self.bill.transaction_value_usd
        return ZERO if stated is None else max(ZERO, stated - self.bill.fob_usd)


def choice_of(bill: Bill, *, lead_time_days: int | None = None, estimate: Estimator | None = None) -> Choice:
    """The choice that a bill leaves.

    Left out is an alternative whose capacity is below the need, or that takes longer than `lead_time_days`;
    a minimum order above the need costs the surplus. Raises BillError for an alternative of something inside
    a bought part, Infeasible if nothing fit is left for a part.
    """
    options: list[Option] = []
    left_out: list[str] = []
    slots = 0
    made = {path for path, _ in _made(bill.root, "")}
    for path, part in walk(bill.root):
        if part.alternatives and path.rpartition(" / ")[0] not in made:
            raise BillError(
                f"{bill.file or 'bill'}: {path}: it is inside a part that is bought, so the producer can't "
                "choose its supplier; give the alternatives to the bought part"
            )
    for path, part in _slots(bill.root, ""):
        found = []
        for pick in (None, *part.alternatives):
            why = _unfit(pick, part, bill, lead_time_days)
            if why:
                left_out.append(f"{path}: {pick.supplier if pick else ''}: {why}")
            else:
                found.append(_option(slots, path, part, pick, bill))
        if not found:
            raise Infeasible(f"{path}: no alternative is fit: {'; '.join(left_out)}")
        options += found
        slots += 1
    return Choice(bill, tuple(options), slots, tuple(left_out), estimate)


def _unfit(pick: Alternative | None, part: Part, bill: Bill, lead_time: int | None) -> str:
    if pick is None:
        return ""
    need = part.quantity * bill.volume
    if pick.capacity is not None and pick.capacity < need:
        return f"capacity {pick.capacity:f} of the {need:f} needed"
    if lead_time is not None and pick.lead_time_days is not None and pick.lead_time_days > lead_time:
        return f"{pick.lead_time_days} days, more than {lead_time}"
    return ""


def _option(slot: int, path: str, part: Part, pick: Alternative | None, bill: Bill) -> Option:
    if pick is None:
        return Option(slot, path, part, None, ZERO, None)
    need = part.quantity * bill.volume
    surplus = max(ZERO, (pick.min_order or ZERO) - need) * pick.unit_cost_usd / bill.volume
    return Option(slot, path, bought(part, pick), pick, surplus, pick.lead_time_days)


def _made(part: Part, path: str) -> Iterator[tuple[str, Part]]:
    """The product and every part that is made, reached through made parts alone."""
    here = f"{path} / {part.name}" if path else part.name
    yield here, part
    for child in part.parts:
        if _open(child):
            yield from _made(child, here)


def _open(part: Part) -> bool:
    """Whether a plan looks into a part: it is made, can't be bought instead, and holds a choice or charges."""
    return part.made and bool(part.parts) and not part.alternatives


def _slots(part: Part, path: str) -> Iterator[tuple[str, Part]]:
    here = f"{path} / {part.name}" if path else part.name
    for child in part.parts:
        if _open(child):
            yield from _slots(child, here)
        else:
            yield f"{here} / {child.name}", child


def lead_time(options: Sequence[Option], x: Array) -> int | None:
    """The longest lead time among what a choice takes, days; None if none is known."""
    days = [o.lead_time_days for o, taken in zip(options, x, strict=True) if taken > 0.5 and o.lead_time_days]
    return max(days, default=None)
