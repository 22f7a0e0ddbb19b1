"""A bill of materials: a tree of parts, with what is added to them on the way to the buyer.

Money is USD for one unit of the product, kept as `Decimal`: sums are exact to the cent and to every other
digit that was written. The prices, each the one before plus what is named:

* materials: the parts of the first level;
* ex-works price: materials and the charges of stage `works` (labour, overhead, profit, royalty, …);
* FOB: ex-works and the charges of stage `fob` (inland freight, export handling);
* delivered: FOB and the charges of stage `sea` (international freight, insurance), before duty.

The transaction value is FOB unless the bill states another price paid. Net cost is the ex-works price without
profit, royalties, sales promotion, after-sales service, shipping and packing, and interest that may not be
counted (USMCA article 4.5(3); 19 U.S.C. 4531(c)(3)).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from decimal import ROUND_HALF_UP, Decimal
from typing import Literal

from entrepot.errors import BillError

CENT = Decimal("0.01")
ZERO = Decimal(0)

Stage = Literal["works", "fob", "sea"]

STAGES: dict[str, Stage] = {
    "labour": "works",
    "overhead": "works",
    "profit": "works",
    "other": "works",
    "royalty": "works",
    "promotion": "works",
    "after-sales": "works",
    "packing": "works",
    "interest": "works",
    "inland-freight": "fob",
    "export": "fob",
    "freight": "sea",
    "insurance": "sea",
}
"""Kinds of charges and the price in which each is first contained."""

NOT_IN_NET_COST = frozenset({"profit", "royalty", "promotion", "after-sales", "packing", "interest"})

NEUTRAL = frozenset({"packing", "indirect"})
"""Roles that no rule of origin looks at (neutral elements)."""

UNKNOWN = "unknown"


@dataclass(frozen=True)
class Charge:
    """What is added to the parts of one node: USD for one product, earned in `economy`."""

    kind: str
    value_usd: Decimal
    economy: str
    name: str = ""

    @property
    def stage(self) -> Stage:
        """The price in which the charge is first contained."""
        return STAGES[self.kind]


@dataclass(frozen=True)
class Alternative:
    """Another way to buy a part: USD a unit, units a period, days."""

    supplier: str
    origins: tuple[str, ...]
    unit_cost_usd: Decimal
    product: str = ""
    content: Mapping[str, float] | None = None
    originating: tuple[str, ...] = ()
    weight_kg: Decimal | None = None
    capacity: Decimal | None = None
    min_order: Decimal | None = None
    lead_time_days: int | None = None


@dataclass(frozen=True)
class Part:
    """One node of a bill; money, weight and quantity are those in one unit of the finished product.

    origins: economies it may be from (one: known; none: unknown). Of a node that is made, where it is made.
    made: its value is the sum of what is below it. A bought node may list what is below it too; the rest
    up to its value is then its maker's own.
    content: shares of its value by economy, if known; what they leave to 1 is unknown.
    originating: rule sets under which its supplier declares it originating.
    role: empty for a material of the product; `retail-packaging` (sold in it, classified with it), `accessory`
    (spare part or tool delivered with it), `packing` for shipment, `indirect` (used in making it and not
    contained in it: energy, tools).
    """

    name: str
    product: str
    origins: tuple[str, ...]
    value_usd: Decimal
    made: bool = False
    parts: tuple[Part, ...] = ()
    charges: tuple[Charge, ...] = ()
    content: Mapping[str, float] | None = None
    originating: tuple[str, ...] = ()
    wholly_obtained: bool | None = None
    role: str = ""
    supplier: str = ""
    quantity: Decimal = Decimal(1)
    weight_kg: Decimal | None = None
    alternatives: tuple[Alternative, ...] = ()

    @property
    def origin(self) -> str:
        """Its origin in a word: the economy, the possible ones, or `unknown`."""
        return " or ".join(self.origins) if self.origins else UNKNOWN

    @property
    def place(self) -> str | None:
        """The economy that it is from, if that is known and one."""
        return self.origins[0] if len(self.origins) == 1 else None

    @property
    def rest_usd(self) -> Decimal:
        """What its maker added beyond what is listed below it: USD, the whole value of a leaf."""
        return self.value_usd - sum((p.value_usd for p in self.parts), ZERO) - self.charged_usd

    @property
    def charged_usd(self) -> Decimal:
        """The charges of stage `works`: USD."""
        return sum((c.value_usd for c in self.charges if c.stage == "works"), ZERO)


@dataclass(frozen=True)
class Bill:
    """A product with its parts, the facts known of it, and where all that was written.

    `root` is the product; its value is the ex-works price. `volume` is how many units are made in the
    period to which capacities refer.
    """

    root: Part
    facts: Mapping[str, bool | float | str] = field(default_factory=dict)
    transaction_value_usd: Decimal | None = None
    volume: Decimal = Decimal(1)
    about: str = ""
    source: str = ""
    file: str = ""

    @property
    def name(self) -> str:
        """The product's name."""
        return self.root.name

    @property
    def made_in(self) -> str:
        """The economy in which the product is made."""
        return self.root.origins[0]

    @property
    def materials_usd(self) -> Decimal:
        """The parts of the first level: USD."""
        return sum((part.value_usd for part in self.root.parts), ZERO)

    @property
    def ex_works_usd(self) -> Decimal:
        """Price at the factory gate: USD."""
        return self.root.value_usd

    @property
    def fob_usd(self) -> Decimal:
        """Price on board: ex-works price, inland freight and export handling; USD."""
        return self.ex_works_usd + self._charges("fob")

    @property
    def sea_usd(self) -> Decimal:
        """International freight and insurance: USD."""
        return self._charges("sea")

    @property
    def value_usd(self) -> Decimal:
        """The transaction value: the stated price paid, or FOB; USD."""
        return self.fob_usd if self.transaction_value_usd is None else self.transaction_value_usd

    @property
    def net_cost_usd(self) -> Decimal:
        """Ex-works price without what a net cost leaves out: USD."""
        charges = (c for _, part in walk(self.root) if part.made for c in part.charges)
        out = sum((c.value_usd for c in charges if c.kind in NOT_IN_NET_COST), ZERO)
        return self.ex_works_usd - out

    def price(self, basis: str) -> Decimal:
        """The price of that name: ex-works, fob, transaction or net-cost; USD. Raises KeyError for another."""
        return {
            "ex-works": self.ex_works_usd,
            "fob": self.fob_usd,
            "transaction": self.value_usd,
            "net-cost": self.net_cost_usd,
        }[basis]

    def _charges(self, stage: Stage) -> Decimal:
        return sum((c.value_usd for c in self.root.charges if c.stage == stage), ZERO)


def walk(part: Part, path: str = "") -> Iterator[tuple[str, Part]]:
    """Every node with its path (`headset / display module / lens`), parents before children."""
    here = f"{path} / {part.name}" if path else part.name
    yield here, part
    for child in part.parts:
        yield from walk(child, here)


def leaves(part: Part, path: str = "") -> Iterator[tuple[str, Part]]:
    """Every node without parts below it, with its path."""
    return ((where, node) for where, node in walk(part, path) if not node.parts)


def check(bill: Bill) -> None:
    """Check the sums at every level.

    Raises BillError, naming the node's path, if a value or charge is negative, a node is worth less than
    what is in it, or one that is made has a value of its own that isn't the sum.
    """
    for path, part in walk(bill.root):
        where = f"{bill.file or 'bill'}: {path}"
        for charge in part.charges:
            if charge.value_usd < 0:
                raise BillError(f"{where}: {charge.kind} of {charge.value_usd} USD: a cost is not negative")
        if part.value_usd < 0:
            raise BillError(f"{where}: value of {part.value_usd} USD: a value is not negative")
        if part.rest_usd < 0:
            inside = part.value_usd - part.rest_usd
            raise BillError(
                f"{where}: its parts and costs come to {shown(inside)} USD, more than its own value of "
                f"{shown(part.value_usd)} USD; a part can't be worth more than the whole"
            )
        if part.made and part.rest_usd != 0:
            raise BillError(
                f"{where}: its parts and costs come to {shown(part.value_usd - part.rest_usd)} USD, its value "
                f"is given as {shown(part.value_usd)} USD; what is made here is the sum of what is in it, so "
                "leave the value out or name what is missing (a [[cost]])"
            )


def shown(usd: Decimal) -> str:
    """Money as printed: rounded to the cent, with thousands."""
    return f"{usd.quantize(CENT, ROUND_HALF_UP):,}"


def chosen(bill: Bill, picks: Mapping[str, Alternative]) -> Bill:
    """The bill with these alternatives in place of parts, by path; values above them follow.

    What assemblies above gain or lose moves their value and the ex-works price; charges stay. Raises
    KeyError for a path that isn't in the bill.
    """
    unknown = set(picks) - {path for path, _ in walk(bill.root)}
    if unknown:
        raise KeyError(sorted(unknown)[0])
    return replace(bill, root=_rebuilt(bill.root, "", picks))


def bought(part: Part, pick: Alternative) -> Part:
    """A part as an alternative supplies it: bought whole, so that nothing of what went into it is left."""
    return replace(
        part,
        origins=pick.origins,
        supplier=pick.supplier,
        value_usd=pick.unit_cost_usd * part.quantity,
        product=pick.product or part.product,
        content=pick.content,
        originating=pick.originating,
        weight_kg=part.weight_kg if pick.weight_kg is None else pick.weight_kg * part.quantity,
        made=False,
        wholly_obtained=None,
        parts=(),
        charges=(),
    )


def _rebuilt(part: Part, path: str, picks: Mapping[str, Alternative]) -> Part:
    here = f"{path} / {part.name}" if path else part.name
    if here in picks:
        return bought(part, picks[here])
    parts = tuple(_rebuilt(child, here, picks) for child in part.parts)
    change = sum((p.value_usd for p in parts), ZERO) - sum((p.value_usd for p in part.parts), ZERO)
    return replace(part, parts=parts, value_usd=part.value_usd + change)
