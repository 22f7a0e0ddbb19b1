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
from entrepot.law.facts import Fact
from entrepot.law.measure import Measure, lies_in
from entrepot.law.scope import check_origins
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

    def change_days(self, as_known: date | None = None) -> list[date]:
        """Every day on which the law changes, ascending, by what was published up to `as_known`."""
        days: set[date] = set()
        for measure in self._known(as_known):
            days |= measure.change_days(as_known)
        return sorted(days)

    def regime(self, day: date, as_known: date | None = None) -> Regime:
        """The regime that holds on `day`, by what was published up to and including `as_known`."""
        changes = self.change_days(as_known)
        at = bisect_right(changes, day)
        in_force = tuple(m for m in self._known(as_known) if m.status_on(day, as_known) == "in force")
        return Regime(
            since=changes[at - 1] if at else date.min,
            until=changes[at] if at < len(changes) else None,
            measures=in_force,
        )

    def regimes(self, as_known: date | None = None) -> list[Regime]:
        """All regimes from the first change on."""
        return [self.regime(day, as_known) for day in self.change_days(as_known)]

    def versions(self, measure_id: str) -> list[Measure]:
        """The dated versions of one measure, oldest first.

        Raises UnknownCode if the book has no measure of that id, naming near ones.
        """
        found = sorted((m for m in self.measures if m.id == measure_id), key=lambda m: m.from_)
        if not found:
            raise UnknownCode(f"{self.title} has no measure {measure_id!r}{near(measure_id, self._ids)}")
        return found

    def in_order(self) -> list[Measure]:
        """The measures by authority, as book.toml lists these, and then by time."""
        authorities = list(dict.fromkeys(family.name.partition(".")[0] for family in self.families))
        return sorted(
            self.measures, key=lambda m: (authorities.index(m.family.partition(".")[0]), m.from_, m.id)
        )

    def title_of(self, family: str) -> str:
        """The title of the widest declared family that holds `family`: s232.autos → Section 232."""
        return self._titles[family.partition(".")[0]]

    def lay_over(self, measures: Iterable[Measure], ends: Mapping[str, date] | None = None) -> Book:
        """The book with what-if measures laid over it.

        A measure whose id stands in the book takes its place for the time it holds; `ends` ends measures on
        a day. Raises LawError as `check` does, UnknownCode if `ends` names no measure of the book.
        """
        laid = list(self.measures)
        for measure_id, day in (ends or {}).items():
            self.versions(measure_id)
            laid = [piece for m in laid for piece in (_without(m, day, None) if m.id == measure_id else [m])]
        for new in measures:
            laid = [
                piece
                for m in laid
                for piece in (_without(m, new.from_, new.until) if m.id == new.id else [m])
            ] + [new]
        book = replace(self, measures=tuple(laid))
        book.check()
        return book

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
        return replace(self, measures=tuple(m.read_as(chosen.get(m.id)) for m in self.measures))

    def check(self) -> None:
        """Check what no single measure can know.

        Raises LawError if two versions of an id overlap, or a measure names a family, list, table or fact that
        the book doesn't have; UnknownCode if it names an origin that is none.
        """
        for name, table in self.tables.items():
            check_origins(list(table), f"{self.source}: table of rates {name!r}")
        by_id: dict[str, list[Measure]] = {}
        for measure in self.measures:
            by_id.setdefault(measure.id, []).append(measure)
            self._check_names(measure)
        for versions in by_id.values():
            versions.sort(key=lambda m: m.from_)
            for earlier, later in pairwise(versions):
                if earlier.until is None or earlier.until > later.from_:
                    raise LawError(
                        f"{self.source}: two measures with the id {earlier.id!r} overlap: one from "
                        f"{earlier.from_} until {earlier.until or 'further notice'}, one from {later.from_}. "
                        "End the first by then (`until` is the first day without it) or give the second "
                        "an id of its own."
                    )

    def _check_names(self, measure: Measure) -> None:
        where = f"{self.source}: measure {measure.id!r}"
        if measure.importer != self.importer:
            raise LawError(
                f"{where}: its importer is {measure.importer!r}, the book's is {self.importer!r}; "
                "a book is the law of one importer"
            )
        check_origins((*measure.origins.include, *measure.origins.exclude), where)
        declared = [family.name for family in self.families]
        readings = [(r.unless, r.sets) for r in measure.readings] or [(measure.unless, measure.sets)]
        named = {measure.family, *measure.rate.of}.union(*(set(a) | set(b) for a, b in readings))
        for family in sorted(named):
            if not lies_in(family, tuple(declared)):
                raise LawError(
                    f"{where}: family {family!r} is not declared in book.toml{near(family, declared)}"
                )
        for unless, _ in readings:
            if lies_in(measure.family, unless):
                raise LawError(
                    f"{where}: `unless` names its own family {measure.family!r}; use products.exclude"
                )
        for name in (*measure.products.include, *measure.products.exclude):
            if name.startswith("list:") and name[5:] not in self.lists:
                raise LawError(f"{where}: no list {name[5:]!r}{near(name[5:], self.lists)}")
        table = measure.rate.by_origin
        if table is not None and table not in self.tables:
            raise LawError(f"{where}: no table of rates {table!r}{near(table, self.tables)}")
        for fact in measure.needs():
            if Fact.lookup(self.facts, fact) is None:
                raise LawError(
                    f"{where}: fact {fact!r} is not declared in facts.toml{near(fact, self.facts)}; declare it "
                    "there with its kind, so that everybody knows what is asked"
                )

    @cached_property
    def _ids(self) -> list[str]:
        return sorted({measure.id for measure in self.measures})

    @cached_property
    def _titles(self) -> dict[str, str]:
        return {family.name: family.title for family in self.families}

    def _known(self, as_known: date | None) -> Iterable[Measure]:
        return (m for m in self.measures if as_known is None or m.published <= as_known)


def _without(measure: Measure, since: date, until: date | None) -> list[Measure]:
    """What is left of a measure when the days from `since` to before `until` are taken out of it."""
    left = []
    if measure.from_ < since:
        end = since if measure.until is None else min(since, measure.until)
        left.append(measure.model_copy(update={"until": end}))
    if until is not None and (measure.until is None or until < measure.until):
        left.append(measure.model_copy(update={"from_": max(until, measure.from_)}))
    return left
