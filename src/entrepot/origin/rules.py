"""Rules of origin as data: what must hold of a product's non-originating materials, and sets of such rules.

A rule is one of the kinds below or a combination of them. Nothing here decides anything; `judge.py` gives
each kind its meaning.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, BeforeValidator, Field, model_validator

from entrepot import economies
from entrepot.errors import UnknownCode
from entrepot.law.measure import Fraction, Part
from entrepot.origin.codes import span, written

Basis = Literal["ex-works", "fob", "transaction", "net-cost"]
Method = Literal["build-down", "build-up", "direct", "max-non-originating"]

LEVELS = {"chapter": 2, "heading": 4, "subheading": 6}
PRICES = {
    "ex-works": "ex-works price",
    "fob": "FOB value",
    "transaction": "transaction value",
    "net-cost": "net cost",
}


def _ranges(codes: tuple[str, ...]) -> tuple[str, ...]:
    for code in codes:
        span(code)
    return codes


def _economy(code: str) -> str:
    if not (economies.is_economy(code) or economies.is_group(code)):
        try:
            return economies.find(code)
        except UnknownCode as error:
            raise ValueError(str(error)) from None
    return code


Codes = Annotated[tuple[str, ...], AfterValidator(_ranges)]
Economy = Annotated[str, AfterValidator(_economy)]


class WhollyObtained(Part):
    """All materials of `materials` are wholly obtained in the zone; `*`: the product itself is."""

    kind: Literal["wholly-obtained"] = "wholly-obtained"
    materials: Codes = ("*",)

    def __str__(self) -> str:
        """The rule in words."""
        if self.materials == ("*",):
            return "the product is wholly obtained"
        return f"all materials of {written(self.materials)} used are wholly obtained"


class Change(Part):
    """Every non-originating material is of another chapter, heading or subheading than the product.

    to: the level; `any` lets materials of every heading in, the product's own too. `except_`: materials
    that may not be used all the same; `allow`: materials that may be used though they don't change;
    `allow_share`: those that don't change may be used up to this share of `allow_of`. `only`: materials must
    be of these codes.
    """

    kind: Literal["change"] = "change"
    to: Literal["chapter", "heading", "subheading", "any"] = "heading"
    except_: Codes = Field(default=(), alias="except")
    allow: Codes = ()
    allow_share: Fraction | None = None
    allow_of: Basis = "ex-works"
    only: Codes = ()

    def __str__(self) -> str:
        """The rule in words."""
        if self.only:
            return f"made from materials of {written(self.only)}"
        text = (
            "made from materials of any heading"
            if self.to == "any"
            else f"made from materials of any {self.to} except that of the product"
        )
        if self.except_:
            text += f"{' except' if self.to == 'any' else ' and'} {written(self.except_)}"
        if self.allow:
            text += f"; {written(self.allow)} may be used"
        if self.allow_share is not None:
            text += (
                f"; materials of the same {self.to} may be used up to {percent(self.allow_share)} of the "
                f"{PRICES[self.allow_of]}"
            )
        return text


class Value(Part):
    """Regional value content, or a limit on non-originating materials.

    With P the price of `of`, VNM the value of non-originating and VOM of originating materials:

    * build-down: (P - VNM) / P at least `at_least`, for `of = "net-cost"` the net cost method;
    * build-up: VOM / P at least `at_least`;
    * direct: (VOM + labour + overhead + profit + other costs) / P at least `at_least`;
    * max-non-originating: VNM / P at most `at_most`, of `materials` alone if they are named.
    """

    kind: Literal["value"] = "value"
    method: Method
    of: Basis = "ex-works"
    at_least: Fraction | None = None
    at_most: Fraction | None = None
    materials: Codes = ("*",)

    @model_validator(mode="after")
    def _one_limit(self) -> Self:
        limit = "at_most" if self.method == "max-non-originating" else "at_least"
        other = "at_least" if limit == "at_most" else "at_most"
        if getattr(self, limit) is None or getattr(self, other) is not None:
            raise ValueError(f"{self.method} needs {limit} and no {other}")
        return self

    def __str__(self) -> str:
        """The rule in words."""
        if self.at_most is not None:
            what = "" if self.materials == ("*",) else f" of {written(self.materials)}"
            return f"non-originating materials{what} are at most {percent(self.at_most)} of the {PRICES[self.of]}"
        assert self.at_least is not None
        method = "net cost" if self.of == "net-cost" and self.method == "build-down" else self.method
        return f"regional value content by {method} is at least {percent(self.at_least)} of the {PRICES[self.of]}"


class Cap(Part):
    """The content of one economy is at most a share of the price, through all tiers or directly."""

    kind: Literal["cap"] = "cap"
    economy: Economy
    at_most: Fraction
    tiers: Literal["all", "direct"] = "all"

    def __str__(self) -> str:
        """The rule in words."""
        how = "" if self.tiers == "all" else ", counting parts as of where they were bought,"
        return f"content of {self.economy}{how} is at most {percent(self.at_most)} of the transaction value"


class Weight(Part):
    """Materials of `materials` weigh at most a share of the product, together or each."""

    kind: Literal["weight"] = "weight"
    materials: Codes
    at_most: Fraction
    each: bool = False
    of: Literal["product", "materials"] = "product"

    def __str__(self) -> str:
        """The rule in words."""
        whole = "the product" if self.of == "product" else "all such materials"
        which = "each material of" if self.each else "the materials of"
        verb = "weighs" if self.each else "weigh"
        return f"{which} {written(self.materials)} {verb} at most {percent(self.at_most)} of {whole}"


class Process(Part):
    """A named operation is carried out; whether it is, is a fact of the bill."""

    kind: Literal["process"] = "process"
    fact: str = Field(pattern=r"^[a-z0-9][a-z0-9.-]*$")
    text: str

    def __str__(self) -> str:
        """The rule in words."""
        return self.text


class LastTransformation(Part):
    """The last substantial transformation by 19 CFR Part 102, read from the package `originshift`."""

    kind: Literal["last-transformation"] = "last-transformation"

    def __str__(self) -> str:
        """The rule in words."""
        return "country of origin by 19 CFR 102"


class NotUnderstood(Part):
    """A rule whose text has no structure here: it can neither be met nor fail."""

    kind: Literal["not-understood"] = "not-understood"
    text: str

    def __str__(self) -> str:
        """The rule's own text."""
        return self.text


class AnyOf(Part):
    """At least one of several rules holds."""

    kind: Literal["any-of"] = "any-of"
    rules: tuple[Rule, ...] = Field(min_length=1)

    def __str__(self) -> str:
        """The rules in words."""
        return "; or ".join(map(str, self.rules))


class AllOf(Part):
    """All of several rules hold."""

    kind: Literal["all-of"] = "all-of"
    rules: tuple[Rule, ...] = Field(min_length=1)

    def __str__(self) -> str:
        """The rules in words."""
        return "; and ".join(map(str, self.rules))


Rule = Annotated[
    WhollyObtained
    | Change
    | Value
    | Cap
    | Weight
    | Process
    | LastTransformation
    | NotUnderstood
    | AnyOf
    | AllOf,
    Field(discriminator="kind"),
]

AnyOf.model_rebuild()
AllOf.model_rebuild()


def percent(share: float) -> str:
    """A fraction as a percentage without idle zeros."""
    return f"{share * 100:.6g} %"


class Tolerance(Part):
    """Non-originating materials that don't change classification are let in up to a share (de minimis).

    by value: of the price named; by weight: of the product's weight. Applies to goods of `products` (the
    first tolerance that fits does), to changes of classification only.
    """

    share: Fraction
    by: Basis | Literal["weight"] = "ex-works"
    products: Codes = ("*",)
    reference: str = ""


class Cumulation(Part):
    """Whose materials count as the producer's own.

    none: only those of the economy of production; bilateral: of all parties; diagonal: also those that
    originate in `with_`; full: production in any party counts, even in materials that don't originate.
    """

    kind: Literal["none", "bilateral", "diagonal", "full"] = "bilateral"
    with_: tuple[Economy, ...] = Field(default=(), alias="with")


class ProductRule(Part):
    """The rule for some products. Where several cover one, the narrower goes first.

    `part`: the text covers only a part of these codes (`ex 6403` of the lists), told by `description`.
    """

    products: Codes
    rule: Rule
    heading: str = ""
    description: str = ""
    reference: str = ""
    part: bool = False

    @property
    def width(self) -> int:
        """How many ten-digit codes it covers."""
        return sum(last - first + 1 for first, last in map(span, self.products))

    @property
    def title(self) -> str:
        """Its heading, with the description where that tells rules apart."""
        return (
            f"{self.heading or written(self.products)}{f' ({self.description})' if self.description else ''}"
        )


def _tuple(value: Any) -> Any:
    return [value] if isinstance(value, str) else value


class RuleSet(Part):
    """The rules of one agreement or law.

    parties: economies and groups between which it holds; empty: any. `gives`: the claim that follows where
    a product qualifies. `conditions`: what else the text asks, not judged here, shown with every answer.
    `complete`: whether every product's rule is here; otherwise `missing_rules` says what isn't.
    """

    name: str = Field(pattern=r"^[a-z0-9][a-z0-9-]*$")
    title: str
    reference: str
    source: str = ""
    parties: Annotated[tuple[Economy, ...], BeforeValidator(_tuple)] = ()
    cumulation: Cumulation = Cumulation()
    tolerances: tuple[Tolerance, ...] = ()
    rules: tuple[ProductRule, ...] = Field(min_length=1)
    programme: str = Field(default="", description="value of the fact `programme` where it qualifies")
    preferential: bool = True
    conditions: tuple[str, ...] = ()
    note: str = ""

    def tolerance_for(self, product: str) -> Tolerance | None:
        """The tolerance for a product, if there is one."""
        low, high = span(product)
        for tolerance in self.tolerances:
            if any(first <= low and high <= last for first, last in map(span, tolerance.products)):
                return tolerance
        return None

    def rules_for(self, product: str) -> tuple[ProductRule, ...]:
        """The rules that may cover a product: one, several readings, or none.

        A rule that covers the whole of a narrower range takes the place of a wider one.
        """
        low, high = span(product)
        found = [
            rule
            for rule in self.rules
            if any(first <= high and low <= last for first, last in map(span, rule.products))
        ]
        whole = [r.width for r in found if not r.part and _covers(r, low, high)]
        narrowest = min(whole, default=None)
        return tuple(r for r in found if narrowest is None or r.width <= narrowest)


def _covers(rule: ProductRule, low: int, high: int) -> bool:
    return any(first <= low and high <= last for first, last in map(span, rule.products))


def leaves_of(rule: Rule) -> Sequence[Rule]:
    """The rules without rules in them that a rule is made of."""
    if isinstance(rule, (AnyOf, AllOf)):
        return [leaf for inner in rule.rules for leaf in leaves_of(inner)]
    return [rule]
