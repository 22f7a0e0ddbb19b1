"""The cheapest bill: choose suppliers to minimise landed cost under caps on content and rules of origin.

    minimise   Σ (cost + surplus) x + charges + duty
    subject to one option per part, every limit of `limits.py`, x whole

The duty is a rate on the transaction value that is constant, or rises in proportion to content, between the
thresholds that the law sets for content; each band is solved by itself with HiGHS (mixed-integer linear
programming, `solve.py`) and the best is taken, so that the optimum holds over all bands. What is found is then
checked by the ordinary determination and the ordinary duty of the chosen bill: two routes to one number.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from itertools import product as combinations

from entrepot.errors import Infeasible, Unresolved
from entrepot.law.book import Book
from entrepot.law.facts import Given
from entrepot.origin.bands import Band, bands
from entrepot.origin.bill import ZERO, Bill, chosen
from entrepot.origin.content import Content, Estimator, content
from entrepot.origin.limits import Array, Limit, cap, limits
from entrepot.origin.options import Choice, choice_of, lead_time
from entrepot.origin.rules import RuleSet
from entrepot.origin.solve import least_share, solve

MARGIN = 1e-9
"""By how much, as a share, a limit that excludes its own value is kept away from it."""


@dataclass(frozen=True)
class Law:
    """The law that a plan is made for: a book, a day, the origin entered, and facts known."""

    book: Book
    on: date
    origin: str = ""
    given: tuple[Given, ...] = ()


@dataclass(frozen=True)
class Used:
    """A limit at the chosen bill: the share found, and the one allowed."""

    text: str
    share: float
    limit: float


@dataclass(frozen=True)
class Plan:
    """A chosen bill and what it costs; USD in one product.

    picks: path → (supplier, origin) of the parts that change; cost_usd: delivered before duty, with the
    surplus of minimum orders; duty_rate: fraction of the transaction value.
    """

    bill: Bill
    picks: Mapping[str, tuple[str, str]]
    cost_usd: Decimal
    surplus_usd: Decimal
    duty_rate: float
    duty_usd: Decimal
    content: Content
    used: tuple[Used, ...]
    lead_time_days: int | None
    left_out: tuple[str, ...]

    @property
    def landed_usd(self) -> Decimal:
        """Delivered cost and duty."""
        return self.cost_usd + self.duty_usd


def cheapest(
    bill: Bill,
    *,
    caps: Mapping[str, float] | None = None,
    qualify: RuleSet | None = None,
    law: Law | None = None,
    lead_time_days: int | None = None,
    estimate: Estimator | None = None,
) -> Plan:
    """The bill of least landed cost that keeps every cap and qualifies under `qualify`, if given.

    caps: the most content by economy, as fractions of the transaction value. Without a law there is no duty.
    Raises Infeasible, naming the limit that can't be met and by how much; Unresolved if the law or the rule
    needs a fact that isn't given.
    """
    return Planner(bill, qualify=qualify, law=law, lead_time_days=lead_time_days, estimate=estimate).best(
        caps or {}
    )


class Planner:
    """A bill prepared for planning, so that many caps can be asked of it."""

    def __init__(
        self,
        bill: Bill,
        *,
        qualify: RuleSet | None = None,
        law: Law | None = None,
        lead_time_days: int | None = None,
        estimate: Estimator | None = None,
    ) -> None:
        self.choice = choice_of(bill, lead_time_days=lead_time_days, estimate=estimate)
        self.bands: Sequence[Band] = (Band({}, 0.0, {}),)
        if law is not None:
            claim = [Given("programme", qualify.programme if qualify and qualify.programme else "none")]
            self.bands = bands(law.book, bill, law.on, law.origin or bill.made_in, (*claim, *law.given))
        self.ways = _ways(self.choice, qualify)
        self.terms = self.choice.terms()

    def best(self, caps: Mapping[str, float]) -> Plan:
        """The plan of least landed cost under caps; see `cheapest`."""
        capped = [cap(economy, share, self.terms) for economy, share in caps.items()]
        found: tuple[float, Array, Band, list[Limit]] | None = None
        for band, way in combinations(self.bands, self.ways):
            inside = [*capped, *way, *self._inside(band)]
            x = solve(self.choice, inside, self._cost(band))
            if x is None:
                continue
            total = float(self._cost(band) @ x) + self._fixed(band)
            if found is None or total < found[0] - 1e-9:
                found = total, x, band, [*capped, *way]
        if found is None:
            raise Infeasible(self._why([*capped], self.ways))
        return self._plan(*found[1:])

    def cheapest_untaxed(self) -> Plan:
        """The bill of least delivered cost, whatever the law and the rules say: what an evader would buy."""
        band = Band({}, 0.0, {})
        x = solve(self.choice, [], self._cost(band))
        assert x is not None  # without limits there is always a choice
        return self._plan(x, band, [])

    def least(self, economy: str) -> float:
        """The least share of an economy's content that any choice reaches: a fraction."""
        return least_share(self.choice, cap(economy, 0.0, self.terms), self.ways)

    def _cost(self, band: Band) -> Array:
        """Landed cost of each option in a band: the duty rate is `rate` plus `slope` per unit of content."""
        price, _ = self.terms.price("transaction")
        cost = self.choice.value + self.choice.surplus + band.rate * price
        for economy, slope in band.slopes.items():
            cost = cost + slope * self.terms.content(economy)[0]
        return cost

    def _fixed(self, band: Band) -> float:
        bill = self.choice.bill
        fixed = self.choice.price("fob")[1] + float(bill.sea_usd)
        fixed += band.rate * self.terms.price("transaction")[1]
        return fixed + sum(slope * self.terms.content(e)[1] for e, slope in band.slopes.items())

    def _inside(self, band: Band) -> list[Limit]:
        """The band's own bounds on content."""
        found = []
        for economy, interval in band.intervals.items():
            upper = cap(economy, interval.high - (0 if interval.with_high else MARGIN), self.terms)
            lower = cap(economy, interval.low + (0 if interval.with_low else MARGIN), self.terms)
            if interval.high < 1:
                found.append(upper)
            if interval.low > 0 or not interval.with_low:
                found.append(Limit(lower.text, -lower.n, -lower.n0, lower.p, lower.p0, -lower.limit))
        return found

    def _plan(self, x: Array, band: Band, held: Sequence[Limit]) -> Plan:
        choice = self.choice
        taken = choice.picks(x)
        bill = chosen(choice.bill, taken)
        surplus = sum((o.surplus_usd for o, t in zip(choice.options, x, strict=True) if t > 0.5), ZERO)
        found = content(bill, estimate=choice.estimate)
        rate = band.rate + sum(slope * found.share(e).high for e, slope in band.slopes.items())
        exact = Decimal(repr(round(rate, 12)))
        return Plan(
            bill,
            {path: (pick.supplier, " or ".join(pick.origins)) for path, pick in taken.items()},
            bill.fob_usd + bill.sea_usd + surplus,
            surplus,
            rate,
            exact * bill.value_usd,
            found,
            tuple(Used(limit.text, limit.share(x), limit.limit) for limit in held),
            lead_time(choice.options, x),
            choice.left_out,
        )

    def _why(self, capped: Sequence[Limit], ways: Sequence[Sequence[Limit]]) -> str:
        """Which limit can't be met, and by how much; or that they can't be met together."""
        reasons = []
        named = {limit.text: limit for limit in (*capped, *(limit for way in ways for limit in way))}
        for limit in named.values():
            reached = least_share(self.choice, limit, [[]])
            if reached > limit.limit + MARGIN:
                reasons.append(
                    f"{limit.text}: the least that any choice reaches is {reached * 100:.2f} %, "
                    f"{(reached - limit.limit) * 100:.2f} points above the {limit.limit * 100:.6g} % allowed"
                )
        if not ways:
            reasons.append("no alternative of the rule of origin can be planned for")
        if reasons:
            return f"{self.choice.bill.name}: no choice of suppliers will do: {'; '.join(reasons)}"
        for limit in capped:
            reached = least_share(self.choice, limit, ways)
            if reached > limit.limit + MARGIN:
                return (
                    f"{self.choice.bill.name}: {limit.text}, together with the rule of origin: the least that any "
                    f"choice reaches is {reached * 100:.2f} %, {(reached - limit.limit) * 100:.2f} points above"
                )
        return (
            f"{self.choice.bill.name}: no choice of suppliers meets these together, though each can be met: "
            + "; ".join(limit.text for limit in capped)
        )


def _ways(choice: Choice, rules: RuleSet | None) -> list[list[Limit]]:
    """The ways to qualify, each a list of limits that hold together; one empty way if nothing is asked."""
    if rules is None:
        return [[]]
    candidates = rules.rules_for(choice.bill.root.product)
    if not candidates:
        raise Unresolved(f"{rules.name} has no rule for {choice.bill.root.product}; nothing to plan for")
    terms = choice.terms(rules)
    tolerance = rules.tolerance_for(choice.bill.root.product)
    # Where several rules may be the product's, it has to meet all of them to be safe.
    each = [limits(rule.rule, terms, tolerance) for rule in candidates]
    missing = [name for alternatives, names in each if not alternatives for name in names]
    if missing:
        raise Unresolved(
            f"{choice.bill.name}: whether it can qualify under {rules.name} depends on {'; '.join(missing)}; "
            "say so in the bill's [facts]"
        )
    return [
        [limit for part in pick for limit in part]
        for pick in combinations(*(alternatives for alternatives, _ in each))
    ]
