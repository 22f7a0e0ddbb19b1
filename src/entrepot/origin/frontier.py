"""Cost against content: the whole frontier, the price of a cap, and when it pays to comply."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from decimal import Decimal

import numpy as np

from entrepot.errors import BillError, Infeasible
from entrepot.origin.sourcing import Plan, Planner


@dataclass(frozen=True)
class Point:
    """The cheapest plan under one cap. share: content reached; per_point_usd: what the last point of cap cost.

    `per_point_usd` is the rise of landed cost since the next looser cap, per percentage point of cap: the
    shadow price of the cap between the two.
    """

    cap: float
    share: float
    plan: Plan
    per_point_usd: float


def frontier(
    planner: Planner,
    economy: str,
    *,
    points: int = 50,
    caps: Mapping[str, float] | None = None,
    on_point: Callable[[int], None] | None = None,
) -> list[Point]:
    """Least landed cost for caps from the content of the cheapest plan down to the least that can be reached.

    caps: others to keep throughout. `on_point` hears how many points are done. Raises what `cheapest` raises,
    BillError for fewer than two points.
    """
    if points < 2:
        raise BillError(f"a frontier of {points} points: give at least 2")
    others = {e: share for e, share in (caps or {}).items() if e != economy}
    loosest = planner.best(others)
    top = loosest.content.share(economy).high
    bottom = min(planner.least(economy), top)
    found: list[Point] = []
    for number, limit in enumerate(np.linspace(top, bottom, points)):
        at = float(limit) if number < points - 1 else bottom
        last = found[-1] if found else None
        # A plan that keeps the tighter cap anyway is still the cheapest under it.
        plan = loosest if last is None else last.plan
        if last is not None and last.share > at + 1e-9:
            plan = _best(planner, {**others, economy: at + 1e-12}, economy)
        cost = 0.0
        if last is not None and last.cap - at > 1e-12:
            cost = float(plan.landed_usd - last.plan.landed_usd) / ((last.cap - at) * 100)
        found.append(Point(at, plan.content.share(economy).high, plan, cost))
        if on_point is not None:
            on_point(number + 1)
    return found


def _best(planner: Planner, caps: Mapping[str, float], economy: str) -> Plan:
    try:
        return planner.best(caps)
    except Infeasible:
        # The least share was found on its own; with the band of a duty it may round the other way.
        return planner.best({**caps, economy: caps[economy] + 1e-9})


def shadow_price(planner: Planner, economy: str, caps: Mapping[str, float]) -> float:
    """USD of landed cost that one more percentage point of cap would save."""
    here = planner.best(caps)
    looser = planner.best({**caps, economy: min(1.0, caps[economy] + 0.01)})
    return float(here.landed_usd - looser.landed_usd)


@dataclass(frozen=True)
class BreakEven:
    """When complying pays: at a probability of being found of at least `probability`.

    comply_usd: landed cost when complying; unfound_usd and found_usd: landed cost of the cheap bill that
    pays the low rate, and once found out. `probability` is above one where complying never pays.
    """

    comply_usd: Decimal
    unfound_usd: Decimal
    found_usd: Decimal

    @property
    def probability(self) -> float:
        """(comply - unfound) / (found - unfound); 0 where complying costs nothing more, inf where never."""
        more = self.comply_usd - self.unfound_usd
        if more <= 0:
            return 0.0
        risk = self.found_usd - self.unfound_usd
        return float(more / risk) if risk > 0 else float("inf")

    def __str__(self) -> str:
        """The answer in words."""
        p = self.probability
        if p == 0:
            return "complying costs nothing more"
        if p > 1:
            return "complying costs more than being found out for certain"
        return f"complying pays where non-compliance is found with a probability of {p * 100:.1f} % or more"


def break_even(comply: Plan, cheap: Plan, low: float, high: float) -> BreakEven:
    """Complying with a cap against the cheap bill that enters at the low rate; rates are fractions of value.

    The cheap bill pays `low` if nobody looks, `high` if it is found.
    """
    value = cheap.bill.value_usd
    return BreakEven(
        comply.landed_usd,
        cheap.cost_usd + Decimal(repr(low)) * value,
        cheap.cost_usd + Decimal(repr(high)) * value,
    )
