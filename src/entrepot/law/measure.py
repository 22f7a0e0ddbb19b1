"""One legal instrument as data: who, what, from when until when, how much, and how it combines.

A measure is written in TOML and validated here. Nothing in this file computes a duty; `combine.py` gives
the fields `rate`, `portion`, `unless`, `sets` and `order` their meaning.
"""

from __future__ import annotations

import re
from datetime import date
from functools import cache
from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, model_validator

HIGHEST_PLAIN_RATE = 3.0
"""A plain number above this (300 %) is taken for a percentage written without its sign."""

_PERCENT = re.compile(r"\s*(-?\d+(?:\.\d+)?)\s*%\s*")
_FAMILY = r"^[a-z0-9]+(-[a-z0-9]+)*(\.[a-z0-9]+(-[a-z0-9]+)*)*$"
_PRODUCT = re.compile(r"\*|\d{2}|\d{4}|\d{6}|\d{8}|\d{10}")
_ECONOMY = re.compile(r"\*|[A-Z][A-Z0-9-]{1,11}")


def _fraction(value: Any) -> Any:
    """Read `0.2` or `"20 %"`; refuse 20, which would be 2000 %."""
    if isinstance(value, bool):
        raise ValueError(f'found {str(value).lower()}; write a fraction (0.20) or a percentage ("20 %")')
    if isinstance(value, str):
        found = _PERCENT.fullmatch(value)
        if found is None:
            raise ValueError(f'found {value!r}; write a fraction (0.20) or a percentage ("20 %")')
        # The quotient of the decimal text, so that "12.5 %" is the same double as 0.125.
        return float(f"{found[1]}e-2")
    if isinstance(value, (int, float)) and value > HIGHEST_PLAIN_RATE:
        raise ValueError(
            f"found {value}, which is {value * 100:g} %: rates are fractions; "
            f'write {value / 100:g}, or "{value * 100:g} %" if you mean it'
        )
    return value


Fraction = Annotated[float, BeforeValidator(_fraction), Field(ge=0, allow_inf_nan=False)]


class Part(BaseModel):
    """Base of everything read from a law file: immutable, and a misspelt key is an error."""

    model_config = ConfigDict(frozen=True, extra="forbid", populate_by_name=True)


def _scope(value: Any) -> Any:
    """Read `["VNM"]` as `{include = ["VNM"]}`."""
    return {"include": value} if isinstance(value, (list, tuple)) else value


class Origins(Part):
    """Which origins a measure reaches: economies (`VNM`), groups (`EU27`) or `*`.

    The more specific name decides: an economy named in one list beats a group that holds it in the other.
    """

    include: tuple[str, ...] = ("*",)
    exclude: tuple[str, ...] = ()

    @model_validator(mode="after")
    def _codes(self) -> Self:
        for code in (*self.include, *self.exclude):
            if not _ECONOMY.fullmatch(code):
                raise ValueError(f"origin {code!r}: write an ISO code (VNM), a group (EU27) or *")
        return self


class Products(Part):
    """Which products a measure reaches: digits (2, 4, 6, 8 or 10), `list:NAME`, or `*`; exclusions win."""

    include: tuple[str, ...] = ("*",)
    exclude: tuple[str, ...] = ()

    @model_validator(mode="after")
    def _codes(self) -> Self:
        for code in (*self.include, *self.exclude):
            if not code.startswith("list:") and not _PRODUCT.fullmatch(code):
                raise ValueError(
                    f"product {code!r}: write 2, 4, 6, 8 or 10 digits without dots, list:NAME, or *"
                )
        return self


class Condition(Part):
    """A test on one fact of a line. Exactly one of the comparisons is given."""

    fact: str
    is_: bool | str | None = Field(default=None, alias="is", description="the fact has this value")
    is_not: bool | str | None = Field(default=None, description="the fact has another value")
    at_least: Fraction | None = Field(default=None, description="the fact is this much or more")
    below: Fraction | None = Field(default=None, description="the fact is less than this")
    at_most: Fraction | None = Field(default=None, description="the fact is this much or less")
    above: Fraction | None = Field(default=None, description="the fact is more than this")

    @model_validator(mode="after")
    def _one(self) -> Self:
        given = [name for name in ("is_", "is_not", *BOUNDS) if getattr(self, name) is not None]
        if len(given) != 1:
            raise ValueError(
                f"condition on {self.fact!r}: give exactly one of is, is_not, {', '.join(BOUNDS)}"
            )
        return self

    def __str__(self) -> str:
        """The condition in words."""
        if self.is_ is not None:
            return f"{self.fact} is {_word(self.is_)}"
        if self.is_not is not None:
            return f"{self.fact} is not {_word(self.is_not)}"
        name = next(name for name in BOUNDS if getattr(self, name) is not None)
        return f"{self.fact} {name.replace('_', ' ')} {getattr(self, name):g}"


BOUNDS = ("at_least", "below", "at_most", "above")


def _word(value: bool | str) -> str:
    return str(value).lower() if isinstance(value, bool) else value


class Portion(Part):
    """The part of the customs value that a measure hits: a fact (a share), or the rest beside it."""

    fact: str
    rest: bool = Field(default=False, description="take 1 minus the fact")


class Rate(Part):
    """How much. A plain number in the file is an ad valorem rate.

    Exactly one kind is given: `ad_valorem` and/or `specific` with `unit` (both: compound), `by_origin`
    (a table of the book), `fact` (the rate is itself a fact of the line, as the MFN rate), or a limit on
    the total of the families in `of`: `floor` tops the total up to that rate, `ceiling` cuts it down to it.
    """

    ad_valorem: Fraction | None = None
    specific: float | None = Field(default=None, ge=0, description="USD per unit", allow_inf_nan=False)
    unit: str | None = Field(default=None, description="unit of quantity of `specific`, e.g. kg")
    by_origin: str | None = Field(default=None, description="table of the book: rate by origin")
    fact: str | None = Field(default=None, description="the fact that holds the rate")
    floor: Fraction | None = Field(default=None, description="the total of `of` comes to at least this")
    ceiling: Fraction | None = Field(default=None, description="the total of `of` comes to at most this")
    of: tuple[str, ...] = ()

    @model_validator(mode="after")
    def _one_kind(self) -> Self:
        kinds = [
            self.ad_valorem is not None or self.specific is not None,
            self.by_origin is not None,
            self.fact is not None,
            self.floor is not None,
            self.ceiling is not None,
        ]
        if sum(kinds) != 1:
            raise ValueError(
                "rate: give one of a number, ad_valorem and/or specific with unit, by_origin, fact, floor, ceiling"
            )
        if (self.specific is None) != (self.unit is None):
            raise ValueError('rate: a specific duty needs its unit, e.g. {specific = 0.05, unit = "kg"}')
        if self.is_limit != bool(self.of):
            raise ValueError(
                "rate: a floor or ceiling names the families it limits in `of`, and only it does"
            )
        return self

    @property
    def is_limit(self) -> bool:
        """Whether the amount depends on what other families come to."""
        return self.floor is not None or self.ceiling is not None

    def __str__(self) -> str:
        """The rate in words."""
        if self.by_origin is not None:
            return f"by origin ({self.by_origin})"
        if self.fact is not None:
            return f"as {self.fact}"
        if self.floor is not None:
            return f"{self.floor:.4%} in all with {', '.join(self.of)}".replace(".0000%", " %")
        if self.ceiling is not None:
            return f"at most {self.ceiling:.4%} in all with {', '.join(self.of)}".replace(".0000%", " %")
        parts = []
        if self.ad_valorem is not None:
            parts.append(f"{self.ad_valorem * 100:.10g} %")
        if self.specific is not None:
            parts.append(f"{self.specific:g} USD per {self.unit}")
        return " + ".join(parts)


def _rate(value: Any) -> Any:
    return {"ad_valorem": value} if isinstance(value, (int, float, str)) else value


class Suspension(Part):
    """A time in which a measure stood in the books and was not applied."""

    from_: date = Field(alias="from")
    until: date | None = None
    published: date
    reference: str

    @model_validator(mode="after")
    def _forward(self) -> Self:
        _in_order(self.from_, self.until)
        return self


class Reading(Part):
    """One way to read an ambiguous text: the fields of the measure that it settles."""

    name: str
    unless: tuple[str, ...] = ()
    sets: tuple[str, ...] = ()
    reference: str = ""


def _in_order(start: date, end: date | None) -> None:
    if end is not None and end <= start:
        raise ValueError(
            f"until {end} is not after from {start}: `until` is the first day without the measure"
        )


Status = Literal["announced", "in force", "suspended", "ended"]
FamilyName = Annotated[str, Field(pattern=_FAMILY)]


class Measure(Part):
    """One legal instrument, or one rate of one, for one uninterrupted time."""

    id: str = Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$", description="name within the book")
    title: str = Field(description="what it is, in words")
    family: FamilyName = Field(description="authority, dotted from wide to narrow: s232.autos lies in s232")
    reference: str = Field(description="where it is written: act, order, notice, heading")
    importer: str = Field(default="", description="who charges it; default: the book's importer")
    published: date = Field(description="the day it became known")
    from_: date = Field(alias="from", description="first day")
    until: date | None = Field(default=None, description="first day without it; absent: no end known")
    until_published: date | None = Field(
        default=None, description="the day its end became known; default: as `published`"
    )
    status: Status = Field(
        default="in force",
        description="in force: applied between its dates; announced or suspended: never applied; "
        "ended: as in force, with `until` given",
    )
    printed: bool = Field(
        default=False, description="after its end the heading still stands in the printed schedule"
    )
    suspended: tuple[Suspension, ...] = Field(default=(), description="times in which it is not applied")
    origins: Annotated[Origins, BeforeValidator(_scope)] = Origins()
    products: Annotated[Products, BeforeValidator(_scope)] = Products()
    when: tuple[Condition, ...] = Field(default=(), description="conditions on facts; all must hold")
    portion: Portion | None = Field(default=None, description="the part of the value hit; default: all of it")
    rate: Annotated[Rate, BeforeValidator(_rate)]
    unless: tuple[FamilyName, ...] = Field(
        default=(), description="does not apply to that part of the value to which these families apply"
    )
    sets: tuple[FamilyName, ...] = Field(
        default=(), description="replaces what these families came to, on the part of the value it hits"
    )
    order: int = Field(default=0, description="lower first; only where the outcome depends on it")
    readings: tuple[Reading, ...] = Field(
        default=(), description="ways to read an ambiguous text; the first is used unless another is chosen"
    )
    note: str = ""

    @model_validator(mode="after")
    def _dates(self) -> Self:
        _in_order(self.from_, self.until)
        if self.status == "ended" and self.until is None:
            raise ValueError("status 'ended' needs `until`, the first day without the measure")
        for pause in self.suspended:
            end = pause.until or self.until
            if pause.from_ < self.from_ or (self.until is not None and (end is None or end > self.until)):
                raise ValueError(
                    f"suspended from {pause.from_} until {pause.until}: lies outside its own time"
                )
        if self.readings and (self.unless or self.sets):
            raise ValueError("a measure with readings gives `unless` and `sets` in the readings")
        if not self.origins.include or not self.products.include:
            raise ValueError('include is empty: name what the measure reaches, or write include = ["*"]')
        return self

    def status_on(self, day: date, as_known: date | None = None) -> Status:
        """What the measure is on `day`, by what was published up to and including `as_known`.

        Announced before its first day (or for ever, if it only was announced), in force, suspended, or
        ended. Its end and its suspensions count from the day on which they became known.
        """
        if self.status in ("announced", "suspended"):
            return self.status
        if day < self.from_:
            return "announced"
        until = self.until_as_known(as_known)
        if until is not None and day >= until:
            return "ended"
        for pause in self.suspended:
            known = as_known is None or pause.published <= as_known
            if known and pause.from_ <= day and (pause.until is None or day < pause.until):
                return "suspended"
        return "in force"

    def until_as_known(self, as_known: date | None) -> date | None:
        """The first day without the measure, if that was known by then."""
        known = self.until_published or self.published
        return None if as_known is not None and as_known < known else self.until

    def change_days(self, as_known: date | None = None) -> set[date]:
        """Days on which the measure starts, pauses, resumes or ends."""
        if self.status in ("announced", "suspended"):
            return set()
        days = {self.from_, self.until_as_known(as_known)}
        for pause in self.suspended:
            if as_known is None or pause.published <= as_known:
                days |= {pause.from_, pause.until}
        return {day for day in days if day is not None}

    def needs(self) -> tuple[str, ...]:
        """Names of the facts on which the duty depends, each once."""
        names = [condition.fact for condition in self.when]
        if self.portion is not None:
            names.append(self.portion.fact)
        if self.rate.fact is not None:
            names.append(self.rate.fact)
        if self.rate.unit is not None:
            names.append(f"quantity.{self.rate.unit}")
        return tuple(dict.fromkeys(names))

    def how(self) -> str:
        """How it is charged, in words: the rate, and on which part of the value."""
        if self.portion is None:
            return str(self.rate)
        return f"{self.rate} on {'the rest beside ' if self.portion.rest else ''}{self.portion.fact}"

    def read_as(self, name: str | None) -> Measure:
        """The measure with one of its readings settled (the first, if `name` is None).

        Raises KeyError if no reading has that name.
        """
        if not self.readings:
            return self
        chosen = self.readings[0] if name is None else {r.name: r for r in self.readings}[name]
        return self.model_copy(update={"unless": chosen.unless, "sets": chosen.sets, "readings": ()})


def in_family(family: str, named: str) -> bool:
    """Whether `family` is `named` or lies within it: s232.autos lies in s232."""
    return family == named or family.startswith(named + ".")


@cache
def lies_in(family: str, names: tuple[str, ...]) -> bool:
    """Whether `family` is one of `names` or lies within one."""
    return any(in_family(family, name) for name in names)
