"""A book of law: the measures of one importer, and the regimes between the days on which they change."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import date
from functools import cached_property
from itertools import pairwise
from pathlib import Path

from entrepot.errors import LawError, UnknownCode
from entrepot.law.facts import BUILT_IN, Fact
from entrepot.law.measure import Condition, Measure, lies_in
from entrepot.law.scope import check_origins, has_rate
from entrepot.suggest import near


@dataclass(frozen=True)
class Family:
    """An authority under which duties are charged; `name` is dotted, `title` is for people."""

    name: str
    title: str
    about: str = ""


@dataclass(frozen=True)
class Regime:
    """The measures in force on `since` and every day until `until` (exclusive; None: no change known)."""

    since: date
    until: date | None
    measures: tuple[Measure, ...]


@dataclass(frozen=True)
class End:
    """A what-if: the measure of that id ends on a day (the first without it), known from `published` on."""

    id: str
    on: date
    published: date


@dataclass(frozen=True)
class Book:
    """The measures of one importer with the lists and tables that they name.

    `lists` holds product prefixes by list name, `tables` rates (fractions) by origin, `base_day` the last
    day of the law that the ledger's own duties were paid under, `events` days that pictures mark.
    """

    title: str
    importer: str
    base_day: date
    families: tuple[Family, ...]
    measures: tuple[Measure, ...]
    lists: Mapping[str, tuple[str, ...]]
    tables: Mapping[str, Mapping[str, float]]
    facts: Mapping[str, Fact]
    events: Mapping[date, str]
    source: Path
    laid: tuple[Measure | End, ...] = ()
    """What-ifs laid over the measures, in that order; each counts from the day it was published."""

    def change_days(self, as_known: date | None = None) -> list[date]:
        """Every day on which the law changes, ascending, by what was published up to `as_known`."""
        if as_known not in self._changes:
            days: set[date] = set()
            for measure in self.as_known(as_known):
                days |= measure.change_days(as_known)
            self._changes[as_known] = sorted(days)
        return self._changes[as_known]

    def regime(self, day: date, as_known: date | None = None) -> Regime:
        """The regime that holds on `day`, by what was published up to and including `as_known`."""
        changes = self.change_days(as_known)
        at = bisect_right(changes, day)
        known = self.as_known(as_known)
        return Regime(
            since=changes[at - 1] if at else date.min,
            until=changes[at] if at < len(changes) else None,
            measures=tuple(m for m in known if m.status_on(day, as_known) == "in force"),
        )

    def regimes(self, as_known: date | None = None) -> list[Regime]:
        """All regimes from the first change on."""
        return [self.regime(day, as_known) for day in self.change_days(as_known)]

    def versions(self, measure_id: str) -> list[Measure]:
        """The dated versions of one measure, oldest first.

        Raises UnknownCode if the book has no measure of that id, naming near ones.
        """
        found = sorted((m for m in self.as_known(None) if m.id == measure_id), key=lambda m: m.from_)
        if not found:
            raise UnknownCode(f"{self.title} has no measure {measure_id!r}{near(measure_id, self._ids)}")
        return found

    def in_order(self, as_known: date | None = None) -> list[Measure]:
        """The measures known by then, by authority, as book.toml lists these, and then by time."""
        authorities = list(dict.fromkeys(family.name.partition(".")[0] for family in self.families))
        return sorted(
            self.as_known(as_known),
            key=lambda m: (authorities.index(m.family.partition(".")[0]), m.from_, m.id),
        )

    def title_of(self, family: str) -> str:
        """The title of the widest declared family that holds `family`: s232.autos → Section 232."""
        return self._titles[family.partition(".")[0]]

    def lay_over(self, measures: Iterable[Measure], ends: Iterable[End] = ()) -> Book:
        """The book with what-ifs laid over it.

        A measure whose id stands in the book takes its place for the time it holds; an end ends one. Both
        count from the day they were published, so that the law as known before is the book's own. Raises
        LawError as `check` does, UnknownCode if an end names no measure of the book.
        """
        ends, measures = tuple(ends), tuple(measures)
        for end in ends:
            if end.id not in self._ids:
                raise UnknownCode(
                    f"{self.source}: end.id: {self.title} has no measure {end.id!r}{near(end.id, self._ids)}; "
                    "entrepot law list shows those it has"
                )
        _check_versions(measures, self.source)
        book = replace(self, laid=(*self.laid, *ends, *measures))
        book.check()
        return book

    def as_known(self, day: date | None) -> tuple[Measure, ...]:
        """The measures published up to and including a day (None: all), with what was laid over by then."""
        if day not in self._as_known:
            known = [m for m in self.measures if day is None or m.published <= day]
            for item in self.laid:
                if day is None or item.published <= day:
                    known = _laid_over(known, item)
            self._as_known[day] = tuple(known)
        return self._as_known[day]

    def with_readings(self, chosen: Mapping[str, str]) -> Book:
        """The book with every ambiguous measure settled: by `chosen` (id → reading), else by the first.

        Raises UnknownCode if a measure or reading named there does not exist.
        """
        for measure_id, name in chosen.items():
            for measure in self.versions(measure_id):
                names = [reading.name for reading in measure.readings]
                if name not in names:
                    raise UnknownCode(
                        f"measure {measure_id} has no reading {name!r}; it has: {names or 'none'}"
                    )
        return replace(
            self,
            measures=tuple(m.read_as(chosen.get(m.id)) for m in self.measures),
            laid=tuple(m if isinstance(m, End) else m.read_as(chosen.get(m.id)) for m in self.laid),
        )

    def check(self) -> None:
        """Check what no single measure can know.

        Raises LawError if two versions of an id overlap, or a measure names a family, list, table or fact that
        the book doesn't have; UnknownCode if it names an origin that is none.
        """
        check_origins([self.importer], f"{self.source}: importer")
        for name, table in self.tables.items():
            check_origins(list(table), f"{self.source}: table of rates {name!r}")
        roots = {family.name for family in self.families}
        for family in self.families:
            if family.name.partition(".")[0] not in roots:
                raise LawError(
                    f"{self.source}: family {family.name!r} is declared, but not the authority it lies in"
                )
        if sum(fact.from_duty for fact in self.facts.values()) > 1:
            raise LawError(
                f"{self.source}: only one fact can be what the ledger's duties leave (`from_duty`)"
            )
        measures = self.as_known(None)
        for measure in measures:
            self._check_names(measure)
        _check_versions(measures, self.source)

    def _check_names(self, measure: Measure) -> None:
        where = f"{self.source}: measure {measure.id!r}"
        if measure.importer != self.importer:
            raise LawError(
                f"{where}: its importer is {measure.importer!r}, the book's is {self.importer!r}; "
                "a book is the law of one importer"
            )
        check_origins((*measure.origins.include, *measure.origins.exclude), where)
        self._check_families(measure, where)
        for name in (*measure.products.include, *measure.products.exclude):
            if name.startswith("list:") and name[5:] not in self.lists:
                raise LawError(f"{where}: no list {name[5:]!r}{near(name[5:], self.lists)}")
        self._check_table(measure, where)
        for condition in measure.when:
            self._check_kind(condition, where)
        for fact in measure.needs():
            if Fact.lookup(self.facts, fact) is None:
                raise LawError(
                    f"{where}: fact {fact!r} is not declared in facts.toml{near(fact, self.facts)}; declare it "
                    "there with its kind, so that everybody knows what is asked"
                )

    def _check_families(self, measure: Measure, where: str) -> None:
        """Raise LawError if a measure names a family that isn't declared or held, or `unless` its own."""
        declared = [family.name for family in self.families]
        readings = [(r.unless, r.sets) for r in measure.readings] or [(measure.unless, measure.sets)]
        keys = dict.fromkeys(measure.rate.of, "rate.of")
        for unless, sets in readings:
            keys |= dict.fromkeys(unless, "unless") | dict.fromkeys(sets, "sets")
        keys[measure.family] = "family"
        named = set(keys)
        for family in sorted(named):
            if not lies_in(family, tuple(declared)):
                raise LawError(self._no_family(where, keys[family], family, declared))
        held = self._family_names
        for family in sorted(named - {measure.family}):
            if not any(lies_in(other, (family,)) for other in held):
                raise LawError(f"{where}: no measure lies in family {family!r}{near(family, held)}")
        for unless, _ in readings:
            if lies_in(measure.family, unless):
                raise LawError(
                    f"{where}: `unless` names its own family {measure.family!r}; use products.exclude"
                )

    def _no_family(self, where: str, key: str, name: str, declared: Iterable[str]) -> str:
        """That a key doesn't name a family, in words; people write the id of a measure there."""
        declared = list(declared)
        said = f"{where}: {key}: {name!r} is not declared in book.toml as a family of duties"
        own = next((m.family for m in self.as_known(None) if m.id == name), None)
        if own is not None:
            return f"{said}, but a measure; {key} takes families, and that one's is {own!r}"
        return f"{said}{near(name, declared)}; {key} takes one of {', '.join(declared)}, or a part of one"

    def _check_table(self, measure: Measure, where: str) -> None:
        """Raise LawError if a table of rates doesn't exist or lacks an origin that the measure includes."""
        table = measure.rate.by_origin
        if table is not None and table not in self.tables:
            raise LawError(f"{where}: no table of rates {table!r}{near(table, self.tables)}")
        named = [code for code in measure.origins.include if code != "*"]
        if table is not None and (
            absent := [code for code in named if not has_rate(self.tables[table], code)]
        ):
            raise LawError(f"{where}: includes {absent[0]}, for which the table {table!r} has no rate")

    def _check_kind(self, condition: Condition, where: str) -> None:
        """Raise LawError if a condition compares a fact as what it isn't."""
        fact = Fact.lookup(self.facts, condition.fact)
        if fact is None:
            return  # said below, for all facts that a measure needs
        word = condition.is_ if condition.is_ is not None else condition.is_not
        wanted = {"truth": "is = true or is = false", "choice": 'is = "NAME" or is_not = "NAME"'}
        right = {"truth": isinstance(word, bool), "choice": isinstance(word, str)}.get(
            fact.kind, word is None
        )
        if not right:
            would = wanted.get(fact.kind, "at_least, below, at_most or above")
            raise LawError(f"{where}: {condition.fact!r} is a {fact.kind}; test it with {would}")

    @property
    def residual(self) -> str:
        """The fact that a ledger's own duties show (`from_duty`): the one declared so, or the built-in one."""
        declared = [name for name, fact in self.facts.items() if fact.from_duty]
        return declared[0] if declared else next(name for name, fact in BUILT_IN.items() if fact.from_duty)

    @cached_property
    def _ids(self) -> list[str]:
        return sorted({measure.id for measure in self.as_known(None)})

    @cached_property
    def _family_names(self) -> list[str]:
        """Families declared or held by a measure."""
        return sorted({*(f.name for f in self.families), *(m.family for m in self.as_known(None))})

    @cached_property
    def _titles(self) -> dict[str, str]:
        return {family.name: family.title for family in self.families}

    @cached_property
    def _as_known(self) -> dict[date | None, tuple[Measure, ...]]:
        return {}

    @cached_property
    def _changes(self) -> dict[date | None, list[date]]:
        return {}


def _check_versions(measures: Iterable[Measure], source: Path) -> None:
    """Raise LawError if two measures of one id overlap in time."""
    by_id: dict[str, list[Measure]] = {}
    for measure in measures:
        by_id.setdefault(measure.id, []).append(measure)
    for versions in by_id.values():
        versions.sort(key=lambda m: m.from_)
        for earlier, later in pairwise(versions):
            if earlier.until is None or earlier.until > later.from_:
                raise LawError(
                    f"{source}: two measures with the id {earlier.id!r} overlap: one from "
                    f"{earlier.from_} until {earlier.until or 'further notice'}, one from {later.from_}. "
                    "End the first by then (`until` is the first day without it) or give the second "
                    "an id of its own."
                )


def _laid_over(measures: Iterable[Measure], item: Measure | End) -> list[Measure]:
    since, until = (item.on, None) if isinstance(item, End) else (item.from_, item.until)
    kept = [
        piece
        for m in measures
        for piece in (_without(m, since, until, item.published) if m.id == item.id else [m])
    ]
    return kept if isinstance(item, End) else [*kept, item]


def _without(measure: Measure, since: date, until: date | None, published: date) -> list[Measure]:
    """What is left of a measure when the days from `since` to before `until` are taken out of it.

    That it ends on `since` is known from `published` on; where it had ended before that, nothing changes.
    """
    if (measure.until is not None and measure.until <= since) or (
        until is not None and until <= measure.from_
    ):
        return [measure]
    left = []
    if measure.from_ < since:
        left.append(measure.model_copy(update={"until": since, "until_published": published}))
    if until is not None and (measure.until is None or until < measure.until):
        left.append(measure.model_copy(update={"from_": max(until, measure.from_)}))
    return left
