"""Bills of materials from TOML: a flat list of parts, each naming what it goes into.

    [product]                      # what is made
    name = "headset"
    product = "852852"
    made_in = "VNM"

    [[part]]
    name = "display"
    product = "852491"
    origin = "CHN"                 # an economy, several, or "unknown"
    quantity = 2
    unit_cost_usd = 37.50

    [[part]]
    name = "main board"
    made_in = "here"               # made by the producer: its value is the sum of what goes into it

    [[part]]
    name = "processor"
    in = "main board"
    …

    [[cost]]
    kind = "labour"
    value_usd = 14

Quantities and costs are those in one unit of what a part goes into. Numbers are read as decimals, exactly.
"""

from __future__ import annotations

import tomllib
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

from entrepot import economies, products
from entrepot.errors import BillError, UnknownCode
from entrepot.origin.bill import STAGES, UNKNOWN, ZERO, Alternative, Bill, Charge, Part, check
from entrepot.suggest import near

Usd = Annotated[Decimal, Field(ge=0, allow_inf_nan=False)]
Amount = Annotated[Decimal, Field(gt=0, allow_inf_nan=False)]
Share = Annotated[float, Field(ge=0, le=1, allow_inf_nan=False)]


def _several(value: Any) -> Any:
    return [value] if isinstance(value, str) else value


Names = Annotated[tuple[str, ...], BeforeValidator(_several)]


class _Entry(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class ProductEntry(_Entry):
    """What is made."""

    name: str
    product: str
    made_in: str
    price_usd: Usd | None = Field(default=None, description="ex-works price; what it leaves is profit")
    transaction_value_usd: Usd | None = None
    volume: Amount = Decimal(1)
    weight_kg: Usd | None = None
    wholly_obtained: bool | None = None
    about: str = ""
    source: str = ""


class AlternativeEntry(_Entry):
    """Another way to buy a part."""

    supplier: str
    origin: Names
    unit_cost_usd: Usd
    product: str = ""
    content: dict[str, Share] | None = None
    originating: Names = ()
    weight_kg: Usd | None = None
    capacity: Usd | None = None
    min_order: Usd | None = None
    lead_time_days: int | None = Field(default=None, ge=0)


class PartEntry(_Entry):
    """One part: bought (`origin`) or made (`made_in`)."""

    name: str
    into: str | None = Field(default=None, alias="in")
    product: str = ""
    origin: Names | None = None
    made_in: str | None = None
    quantity: Amount = Decimal(1)
    unit_cost_usd: Usd | None = None
    value_usd: Usd | None = None
    weight_kg: Usd | None = None
    content: dict[str, Share] | None = None
    originating: Names = ()
    wholly_obtained: bool | None = None
    role: Literal["", "retail-packaging", "accessory", "packing", "indirect"] = ""
    supplier: str = ""
    alternative: tuple[AlternativeEntry, ...] = ()


class CostEntry(_Entry):
    """One charge."""

    kind: str
    value_usd: Usd
    into: str | None = Field(default=None, alias="in")
    economy: str | None = None
    name: str = ""


class BillFile(_Entry):
    """A whole file."""

    product: ProductEntry
    facts: dict[str, Any] = Field(default_factory=dict)
    part: tuple[PartEntry, ...] = ()
    cost: tuple[CostEntry, ...] = ()


def read_bill(path: Path) -> Bill:
    """The bill that a TOML file holds, checked.

    Raises BillError, naming file and node, if the file can't be read, holds an unknown key, a part goes into
    nothing or into itself, has no cost or no origin, or the sums of `bill.check` don't hold.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except OSError as error:
        raise BillError(f"{path}: can't be read: {error.strerror or error}") from None
    return parse_bill(text, str(path))


def parse_bill(text: str, file: str = "bill") -> Bill:
    """The bill that a TOML text holds; see `read_bill`."""
    try:
        # Every number becomes a decimal as written: 0.1 stays 0.1.
        entries = tomllib.loads(text, parse_float=Decimal)
        read = BillFile.model_validate(entries)
    except tomllib.TOMLDecodeError as error:
        raise BillError(f"{file}: no TOML: {error}") from None
    except (UnicodeDecodeError, ValidationError) as error:
        raise BillError(f"{file}: {_first(error, entries)}") from None
    try:
        bill = Builder(read, file).bill()
    except UnknownCode as error:
        raise BillError(f"{file}: {error}") from None
    check(bill)
    return bill


def _first(error: UnicodeDecodeError | ValidationError, entries: Mapping[str, Any]) -> str:
    """The first thing wrong with an entry, by its name."""
    if isinstance(error, UnicodeDecodeError):
        return str(error)
    found = error.errors()[0]
    place = list(found["loc"])
    where = str(place[0]) if place else "file"
    if len(place) > 1 and isinstance(place[1], int):
        entry = entries[where][place[1]]
        called = _path(entry, entries) if isinstance(entry, dict) else ""
        where = f"[[{where}]] {called or place[1] + 1}"
        place = place[2:]
    else:
        where, place = f"[{where}]", place[1:]
    key = ".".join(str(step) for step in place)
    if found["type"] == "extra_forbidden":
        models: dict[str, type[BaseModel]] = {"[[part]]": PartEntry, "[[cost]]": CostEntry}
        model = models.get(where.split(" ")[0], ProductEntry)
        known = [field.alias or name for name, field in model.model_fields.items()]
        return f"{where}: there is no key {key!r}{near(key.rpartition('.')[2], known)}"
    if found["type"] == "missing":
        return f"{where}: {key or 'the table'} is missing"
    return f"{where}: {key} = {found['input']}: {found['msg'][0].lower()}{found['msg'][1:]}"


def _path(entry: Mapping[str, Any], entries: Mapping[str, Any]) -> str:
    """The path of an entry that may be faulty, as far as names lead up."""
    parts = {part["name"]: part for part in entries.get("part", []) if isinstance(part.get("name"), str)}
    names, at = [str(entry.get("name", entry.get("kind", "")))], entry.get("in")
    while isinstance(at, str) and at in parts and at not in names:
        names.append(at)
        at = parts[at].get("in")
    return " / ".join(reversed(names))


class Builder:
    """Puts the flat entries together into a tree."""

    def __init__(self, read: BillFile, file: str) -> None:
        self.read, self.file = read, file
        self.entries = {entry.name: entry for entry in read.part}
        self.below: dict[str | None, list[PartEntry]] = {}
        self.charged: dict[str | None, list[CostEntry]] = {}
        top = read.product.name
        twice = [name for name, n in Counter([top, *(e.name for e in read.part)]).items() if n > 1]
        if twice:
            raise BillError(f"{file}: two parts are called {twice[0]!r}; give each a name of its own")
        for entry in read.part:
            self._goes_somewhere(entry.into, f"part {entry.name!r}")
            self.below.setdefault(None if entry.into == top else entry.into, []).append(entry)
        for cost in read.cost:
            self._goes_somewhere(cost.into, f"cost {cost.name or cost.kind!r}")
            self.charged.setdefault(None if cost.into == top else cost.into, []).append(cost)
        self._no_circle()

    def _goes_somewhere(self, into: str | None, who: str) -> None:
        known = [self.read.product.name, *self.entries]
        if into is not None and into not in known:
            raise BillError(
                f"{self.file}: {who} goes into {into!r}, which no [[part]] describes{near(into, known)}"
            )

    def _no_circle(self) -> None:
        for entry in self.read.part:
            seen, at = [entry.name], entry.into
            while at is not None and at in self.entries:
                if at in seen:
                    circle = " / ".join([*seen[seen.index(at) :], at])
                    raise BillError(f"{self.file}: parts go into each other in a circle: {circle}")
                seen.append(at)
                at = self.entries[at].into

    def bill(self) -> Bill:
        """The bill; see `read_bill` for what is raised."""
        top = self.read.product
        made_in = self._economy(top.made_in, top.name)
        parts = tuple(self._part(e, top.name, made_in, Decimal(1)) for e in self.below.get(None, ()))
        charges = self._charges(None, top.name, made_in, Decimal(1))
        inside = sum((p.value_usd for p in parts), ZERO)
        works = sum((c.value_usd for c in charges if c.stage == "works"), ZERO)
        price = inside + works
        if top.price_usd is not None and top.price_usd != price:
            self._profit_may_fill(top, inside, works, charges)
            charges = (*charges, Charge("profit", top.price_usd - price, made_in, "what the price leaves"))
            price = top.price_usd
        root = Part(
            top.name,
            products.parse(top.product),
            (made_in,),
            price,
            made=True,
            parts=parts,
            charges=charges,
            weight_kg=top.weight_kg,
            wholly_obtained=top.wholly_obtained,
        )
        return Bill(
            root,
            dict(_flat(self.read.facts)),
            top.transaction_value_usd,
            top.volume,
            top.about.strip(),
            top.source.strip(),
            self.file,
        )

    def _profit_may_fill(
        self, top: ProductEntry, inside: Decimal, works: Decimal, charges: Sequence[Charge]
    ) -> None:
        where = f"{self.file}: {top.name}: its parts ({inside} USD) and costs ({works} USD)"
        if top.price_usd is not None and top.price_usd < inside + works:
            raise BillError(
                f"{where} come to {inside + works} USD, more than its price of {top.price_usd} USD; parts "
                "can't be worth more than the whole"
            )
        if any(charge.kind == "profit" for charge in charges):
            raise BillError(
                f"{where} come to {inside + works} USD with the profit that is listed, its price is "
                f"{top.price_usd} USD; leave out one of the two"
            )

    def _part(self, entry: PartEntry, above: str, here: str, units: Decimal) -> Part:
        """One part with all below it; `units` of what it goes into are in one product."""
        path = f"{above} / {entry.name}"
        where = f"{self.file}: {path}"
        units = units * entry.quantity
        if (entry.origin is None) == (entry.made_in is None):
            raise BillError(
                f'{where}: say where it is from: origin = "CHN" (bought; several, or "unknown") or '
                'made_in = "here" (made by the producer), one of the two'
            )
        made = entry.made_in is not None
        origins = (
            (self._economy(entry.made_in, path, here),)
            if entry.made_in is not None
            else self._origins(entry.origin or (), path)
        )
        home = origins[0] if origins else here
        parts = tuple(self._part(e, path, home, units) for e in self.below.get(entry.name, ()))
        charges = self._charges(entry.name, path, home, units)
        value = self._value(entry, where, units)
        if made and not parts:
            raise BillError(
                f"{where}: it is made, and no part goes into it; write the parts with in = {entry.name!r}, or "
                "origin and cost if it is bought"
            )
        if value is None:
            if not made:
                raise BillError(f"{where}: its cost is missing; write unit_cost_usd or value_usd")
            value = sum((p.value_usd for p in parts), ZERO) + sum((c.value_usd for c in charges), ZERO)
        return Part(
            entry.name,
            products.parse(entry.product) if entry.product else "",
            origins,
            value,
            made=made,
            parts=parts,
            charges=charges,
            content=self._content(entry.content, path),
            originating=entry.originating,
            wholly_obtained=entry.wholly_obtained,
            role=entry.role,
            supplier=entry.supplier,
            quantity=units,
            weight_kg=None if entry.weight_kg is None else entry.weight_kg * units,
            alternatives=tuple(self._alternative(a, path) for a in entry.alternative),
        )

    def _value(self, entry: PartEntry, where: str, units: Decimal) -> Decimal | None:
        if entry.unit_cost_usd is None:
            return None if entry.value_usd is None else entry.value_usd * units / entry.quantity
        if entry.value_usd is not None and entry.value_usd != entry.unit_cost_usd * entry.quantity:
            raise BillError(
                f"{where}: {entry.quantity} × {entry.unit_cost_usd} USD is "
                f"{entry.quantity * entry.unit_cost_usd} USD, not {entry.value_usd}"
            )
        return entry.unit_cost_usd * units

    def _alternative(self, entry: AlternativeEntry, path: str) -> Alternative:
        return Alternative(
            entry.supplier,
            self._origins(entry.origin, f"{path} (alternative {entry.supplier})"),
            entry.unit_cost_usd,
            products.parse(entry.product) if entry.product else "",
            self._content(entry.content, path),
            entry.originating,
            entry.weight_kg,
            entry.capacity,
            entry.min_order,
            entry.lead_time_days,
        )

    def _charges(self, into: str | None, path: str, here: str, units: Decimal) -> tuple[Charge, ...]:
        found = []
        for cost in self.charged.get(into, ()):
            where = f"{self.file}: {path}: cost {cost.name or cost.kind!r}"
            if cost.kind not in STAGES:
                raise BillError(f"{where}: kind {cost.kind!r} is none of {', '.join(STAGES)}")
            if into is not None and STAGES[cost.kind] != "works":
                raise BillError(f"{where}: {cost.kind} is charged on the whole product; leave out `in`")
            place = here if cost.economy is None else self._economy(cost.economy, where)
            found.append(Charge(cost.kind, cost.value_usd * units, place, cost.name))
        return tuple(found)

    def _origins(self, names: Iterable[str], path: str) -> tuple[str, ...]:
        named = tuple(names)
        if named == (UNKNOWN,):
            return ()
        return tuple(dict.fromkeys(self._economy(name, path) for name in named))

    def _economy(self, name: str, path: str, here: str = "") -> str:
        if name == "here" and here:
            return here
        try:
            return economies.find(name)
        except UnknownCode as error:
            raise BillError(f"{self.file}: {path}: {error}") from None

    def _content(self, shares: Mapping[str, float] | None, path: str) -> dict[str, float] | None:
        if shares is None:
            return None
        if sum(shares.values()) > 1 + 1e-9:
            raise BillError(
                f"{self.file}: {path}: content comes to {sum(shares.values()):.4g} of its value, more than 1"
            )
        return {self._economy(name, path): float(share) for name, share in shares.items()}


def _flat(facts: Mapping[str, Any], stem: str = "") -> Iterable[tuple[str, bool | float | str]]:
    """Facts by dotted name: {process: {weaving: true}} is process.weaving."""
    for name, value in facts.items():
        if isinstance(value, Mapping):
            yield from _flat(value, f"{stem}{name}.")
        elif isinstance(value, (bool, str)):
            yield f"{stem}{name}", value
        else:
            yield f"{stem}{name}", float(value)
