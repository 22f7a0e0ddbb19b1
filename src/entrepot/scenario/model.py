"""A scenario as data: what its file may say, validated. Nothing here reads law, ledger or world."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import date
from pathlib import Path
from typing import Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from entrepot.law.measure import Fraction
from entrepot.law.read import EndEntry

NAME = r"^[a-z0-9][a-z0-9.+-]*$"
"""Names are folders and file names."""

_TRAILING_DOTS = re.compile(r"\.+$")


class Part(BaseModel):
    """Base of everything a scenario file holds: immutable, and a misspelt key is an error."""

    model_config = ConfigDict(frozen=True, extra="forbid", populate_by_name=True)


class Law(Part):
    """The law of one day, as published by a day."""

    book: str = Field(default="us", description="a built-in book of law, or a folder")
    on: date = Field(description="the day whose law holds")
    as_known: date | None = Field(default=None, description="only what was published by this day")
    facts: tuple[str, ...] = Field(default=(), description="facts as of `--fact`: transshipped=VNM:0.018")
    readings: Mapping[str, str] = Field(default_factory=dict, description="settles ambiguous measures")


class ContentFact(Part):
    """Content of an origin in goods of another, by sector of the world, as a fact of each line."""

    of: str = Field(description="whose value")
    into: str = Field(alias="in", description="in whose exports")
    spread: Fraction = Field(
        default=0.0, le=0.5, description="standard deviation between the goods of a sector (a share)"
    )
    parts: int = Field(default=10, ge=1, le=100, description="parts of equal value a line is cut into")


class Overlay(Part):
    """What is laid over the book: measures and rates by origin, as in an overlay file of `--with`."""

    measure: tuple[dict[str, Any], ...] = ()
    end: tuple[EndEntry, ...] = Field(default=(), description="measures of the book that end on a day")
    files: tuple[str, ...] = Field(default=(), description="overlay files beside the scenario's")


class Change(Part):
    """How the law changes. What isn't given is that of the base, or of the scenario for a variant."""

    on: date | None = Field(default=None, description="the day whose law holds after the change")
    as_known: date | None = None
    origins: tuple[str, ...] = Field(default=(), description="only for these origins; default: for all")
    facts: tuple[str, ...] = ()
    readings: Mapping[str, str] = Field(default_factory=dict)
    content: tuple[ContentFact, ...] = Field(default=(), description="content by sector as a fact of lines")
    overlay: Overlay = Overlay()
    tariffs: str | None = Field(
        default=None,
        description="instead of law: a CSV (importer,exporter[,sector],rate) beside the file, or 'preset'",
    )

    def over(self, other: Change) -> Change:
        """This change where it says something, the other elsewhere."""
        said = {name: getattr(self, name) for name in self.model_fields_set}
        return other.model_copy(update=said)


class Variant(Part):
    """One form of the change: its own keys go before those of `[change]`."""

    name: str = Field(pattern=NAME)
    title: str
    label: str = Field(default="", description="a short title, for charts and columns; default: the title")
    change: Change = Change()


class Retaliation(Part):
    """Who answers, and how: on goods of the law's importer, all sectors that the law changes."""

    by: tuple[str, ...] = Field(default=("*",), description="economies of the world; * for all that are hit")
    how: Literal["mirror", "rate"] = Field(
        description="mirror: the points each sector was hit by; rate: one added rate on all goods"
    )
    rate: Fraction | None = None
    variants: tuple[str, ...] = Field(default=(), description="only in these variants; default: in all")

    @model_validator(mode="after")
    def _rate(self) -> Self:
        if (self.how == "rate") != (self.rate is not None):
            raise ValueError("retaliation: `rate` goes with how = 'rate', and only with it")
        if not self.by:
            raise ValueError(
                "retaliation: `by` names nobody; name economies of the world, or leave it out for all"
            )
        return self


class WorldChoice(Part):
    """The world in which the change happens, and how ledger partners and products enter it."""

    name: str = Field(default="reference-2023", description="embedded world, a saved world, or a preset")
    data: str | None = Field(default=None, description="folder of a preset's data")
    members: Mapping[str, tuple[str, ...]] = Field(
        default_factory=dict, description="economies of the world that hold several: CHN = [CHN, HKG, MAC]"
    )
    concordance: str | None = Field(default=None, description="CSV hs6,sector,share for other sectors")


class Sensitivity(Part):
    """Another reading of the model's parameters, for the range around each number."""

    label: str
    options: Mapping[str, Any]
    source: str = ""


class Published(Part):
    """Somebody else's number for the same question."""

    who: str
    what: str = Field(description="what was estimated, under which assumptions, in words")
    value: float | None = Field(default=None, description="in the unit of the outcome, percent as a rule")
    outcome: str = Field(description="the outcome of ours it stands beside")
    economy: str
    variant: str | None = None
    vintage: str
    source: str
    why_different: str


class Assumption(Part):
    """Something taken as given, in words."""

    text: str
    source: str = ""


class Source(Part):
    """Where something is written."""

    what: str
    where: str


class Scenario(Part):
    """One question in one file."""

    name: str = Field(pattern=NAME, description="folder of its results")
    title: str
    question: str
    dated: date | None = Field(default=None, description="the day on which the question was put")
    base: Law | None = Field(default=None, description="the law before; none for worlds without law")
    change: Change = Change()
    variant: tuple[Variant, ...] = ()
    retaliation: tuple[Retaliation, ...] = ()
    world: WorldChoice = WorldChoice()
    ledger: str | None = Field(default=None, description="trade records; default: US imports of 2024")
    level: Literal["ledger", "law"] = Field(
        default="ledger",
        description="duty before: what the ledger paid plus what law added since, or what the law charges",
    )
    uncovered: Literal["unchanged", "average"] = Field(
        default="unchanged",
        description="goods of an origin whose sector has no line in the ledger: no change, or its average",
    )
    options: Mapping[str, Any] = Field(default_factory=dict, description="options of the equilibrium")
    sensitivity: tuple[Sensitivity, ...] = ()
    draw_from: str | None = Field(default=None, description="elasticities with published errors for --draws")
    focus: tuple[str, ...] = Field(default=("VNM", "USA", "CHN"), description="economies reported first")
    published: tuple[Published, ...] = ()
    assumption: tuple[Assumption, ...] = ()
    source: tuple[Source, ...] = ()

    @field_validator("focus")
    @classmethod
    def _focused(cls, codes: tuple[str, ...]) -> tuple[str, ...]:
        if not codes:
            raise ValueError('found none; name the economies reported first, e.g. ["VNM", "USA"]')
        if twice := sorted({c for c in codes if codes.count(c) > 1}):
            raise ValueError(f"found {', '.join(twice)} twice; name each economy once")
        return codes

    @model_validator(mode="after")
    def _definite(self) -> Self:
        names = [v.name for v in self.variant]
        if len(set(names)) < len(names):
            raise ValueError(f"variant: names stand twice: {', '.join(sorted(names))}")
        asked = {n for r in self.retaliation for n in r.variants}
        asked |= {p.variant for p in self.published if p.variant}
        if unknown := sorted(asked - set(names)):
            raise ValueError(f"variant {unknown[0]!r} is named and not there; there are {', '.join(names)}")
        if self.base is None and self.retaliation:
            raise ValueError(
                "retaliation answers a change of law, and there is no [base]; write the answer into the tariffs"
            )
        for _, change in self.changes():
            if (self.base is None) == (change.tariffs is None):
                raise ValueError(
                    "give [base] with a law and [change] in that law, or [change] tariffs; one of the two"
                )
        return self

    def changes(self) -> list[tuple[Variant, Change]]:
        """The variants, each with its whole change; a scenario without variants is one of its own name."""
        if not self.variant:
            return [(Variant(name="change", title=_TRAILING_DOTS.sub("", self.title)), self.change)]
        return [(v, v.change.over(self.change)) for v in self.variant]

    def files(self) -> tuple[Path, ...]:
        """Files that the scenario names relative to its own, each once."""
        named: list[str] = []
        for _, change in self.changes():
            named += change.overlay.files
            if change.tariffs not in (None, "preset"):
                named.append(str(change.tariffs))
        for path in (self.ledger, self.world.concordance):
            if path is not None:
                named.append(path)
        return tuple(Path(name) for name in dict.fromkeys(named))
