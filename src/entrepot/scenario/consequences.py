"""Run scenarios: law to duties, duties to a world before and a world after, and the range around both.

The world's trade was observed under the duties of its year. So the law before the change is solved first,
as an equilibrium of its own; the change is then the move from that world to the one after.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from importlib.resources import files
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import polars as pl
import xarray as xr

from entrepot import ledger as ledgers
from entrepot.content.question import content_table
from entrepot.economies import ever_members
from entrepot.equilibrium import Base, Options, elasticities, ready
from entrepot.equilibrium.engine import Solution, counterfactual, rebased
from entrepot.equilibrium.options import Float
from entrepot.equilibrium.outcomes import dataset
from entrepot.equilibrium.presets import PRESETS, open_preset
from entrepot.equilibrium.shock import Change as EngineChange
from entrepot.equilibrium.shock import change as engine_change
from entrepot.equilibrium.tariff_files import read_tariffs
from entrepot.errors import ScenarioError, UnknownCode
from entrepot.law.assess import rates
from entrepot.law.book import Book
from entrepot.law.read import find_book
from entrepot.ledger import Ledger
from entrepot.scenario.content import with_content
from entrepot.scenario.model import Change, Law, Scenario, Variant, WorldChoice
from entrepot.scenario.names import check_names, with_options
from entrepot.scenario.outcome import Outcome, Variation, outcomes
from entrepot.scenario.places import concordance, goods, partners
from entrepot.scenario.read import ScenarioFile
from entrepot.scenario.resolved import copies
from entrepot.scenario.shock import Cells, Duties, cells, changed_book, charged, check_days, duties, merged
from entrepot.suggest import near
from entrepot.world import World, open_world

Key = tuple[object, ...]
Made = TypeVar("Made")
Say = Callable[[str], None]
SEED = 0


def _silent(_: str) -> None:
    """Say nothing."""


@dataclass
class Workshop:
    """What several scenarios share and is made once: ledgers, law on a ledger, solved worlds.

    `say` is called with a few words before each piece of work; `draws` is how many sets of elasticities are
    drawn, and `store` the folder that finished draws are kept in until a run has ended.
    """

    say: Say = _silent
    draws: int = 0
    store: Path | None = None
    _made: dict[Key, Any] = field(default_factory=dict)

    def once(self, key: Key, make: Callable[[], Made]) -> Made:
        """What was made under this key before, or is made now."""
        if key not in self._made:
            self._made[key] = make()
        found: Made = self._made[key]
        return found


@dataclass(frozen=True)
class Setting:
    """A scenario with its world and options opened."""

    file: ScenarioFile
    world: World
    options: Options
    preset_tariff: xr.DataArray | None

    @property
    def scenario(self) -> Scenario:
        """The scenario."""
        return self.file.scenario


def run(file: ScenarioFile, shop: Workshop | None = None) -> Outcome:
    """Run a scenario: every variant, its sensitivities and draws.

    Raises what its parts raise: ScenarioError, LawError, LedgerError, UnknownCode, Unresolved, WorldError,
    OptionError, ShockError, NotConverged.
    """
    shop = shop or Workshop()
    scenario = file.scenario
    shop.say(f"{scenario.name}: reading world, ledger and law")
    setting = shop.once(
        ("setting", scenario.world.model_dump_json(), repr(scenario.options), str(file.path.parent)),
        lambda: open_setting(file),
    )
    setting = replace(setting, file=file)
    check_names(file, setting.world, setting.options)
    importer, asked = _asked(setting, shop)
    variations = tuple(_vary(setting, importer, *one, shop) for one in asked)
    law = scenario.base
    book = None if law is None else find_book(law.book)
    return Outcome(
        file=file,
        world=setting.world,
        importer=importer,
        variations=variations,
        inputs=_inputs(setting, book),
        timeline=None if book is None else _timeline(setting, book, shop),
        content=_content(setting, importer, shop),
        events={} if book is None else {day.isoformat(): what for day, what in book.events.items()},
    )


def open_setting(file: ScenarioFile) -> Setting:
    """Open a scenario's world and options. Raises ScenarioError, OptionError or what the world's file raises."""
    chosen = file.scenario.world
    if chosen.name in PRESETS:
        if chosen.data is None:
            raise ScenarioError(f"{file.path}: world {chosen.name} is read from its data: give world.data")
        preset = open_preset(chosen.name, file.beside(chosen.data))
        options = with_options(file, "options", preset.options, file.scenario.options)
        return Setting(file, preset.world, options, preset.tariff)
    options = with_options(file, "options", Options(), file.scenario.options)
    saved = file.beside(chosen.name)
    try:
        world = open_world(str(saved) if saved.is_file() else chosen.name)
    except UnknownCode:
        named = (WorldChoice().name, *PRESETS)
        raise ScenarioError(
            f"{file.path}: world.name: {chosen.name!r} is no world{near(chosen.name, named)}; there are "
            f"{', '.join(named)}, or give a .nc or .npz file that entrepot world wrote, beside the scenario"
        ) from None
    return Setting(file, world, options, None)


Asked = tuple[Variant, Change, Duties, Cells | None, pl.DataFrame | None, tuple[str, ...]]


def _asked(setting: Setting, shop: Workshop) -> tuple[str, list[Asked]]:
    """The importer, and every variant with its duties."""
    scenario = setting.scenario
    if scenario.base is None:
        return _importer_of(setting), [
            (v, c, _given_duties(setting, c), None, None, ()) for v, c in scenario.changes()
        ]
    importer = find_book(scenario.base.book).importer
    for _, change in scenario.changes():
        check_days(scenario.base, change, setting.file)
    setting.world.economy_index(importer)
    return importer, [
        (v, c, *_law_duties(setting, importer, scenario.base, v, c, shop)) for v, c in scenario.changes()
    ]


def _importer_of(setting: Setting) -> str:
    """Where there is no law: the focus' first importer, by convention the United States."""
    return "USA" if "USA" in setting.world.economies else setting.scenario.focus[0]


def _given_duties(setting: Setting, change: Change) -> Duties:
    """Tariffs of a paper or a file in place of law."""
    world, own = setting.world, np.array(setting.world.tariff.values)
    if change.tariffs == "preset":
        tariff = setting.preset_tariff
        if tariff is None:
            raise ScenarioError(
                f"{setting.file.path}: tariffs = 'preset', and {world.name} is none of {', '.join(PRESETS)}"
            )
    else:
        tariff = read_tariffs(setting.file.beside(str(change.tariffs)), world, over=own)
    # Presets may lack the sector; the sum with zeros puts every array on all axes, by label.
    full = (tariff + xr.zeros_like(world.tariff)).transpose("exporter", "importer", "sector").values
    return Duties(own, own, np.array(full), ())


def _law_duties(
    setting: Setting, importer: str, law: Law, variant: Variant, change: Change, shop: Workshop
) -> tuple[Duties, Cells, pl.DataFrame, tuple[str, ...]]:
    """The duties of a variant, their cells, the added rates by origin, and notes."""
    scenario, world = setting.scenario, setting.world
    ledger = _ledger(setting, importer, shop)
    sectors = shop.once(
        ("concordance", world.name, scenario.world.concordance, str(setting.file.path.parent)),
        lambda: concordance(world, _beside(setting.file, scenario.world.concordance)),
    )
    shop.say(f"{scenario.name}: the law before, on {ledger.source}")
    before = shop.once(
        ("law", law.model_dump_json(), id(ledger)),
        lambda: charged(
            ledger, find_book(law.book), law.on, facts=law.facts, readings=law.readings, as_known=law.as_known
        ),
    )
    shop.say(f"{scenario.name}: the law after, {variant.title}")
    present = before.lines["origin"].unique().to_list()
    reached = _reached(change.origins, present, setting)
    table = ledger.table
    notes: tuple[str, ...] = ()
    if reached:
        table = table.filter(pl.col("origin").is_in(list(reached)))
    for fact in change.content:
        table, said = with_content(table, fact, world, sectors, to=importer)
        notes = (*notes, said)
    after = charged(
        replace(ledger, table=table),
        changed_book(law, change, setting.file),
        change.on or law.on,
        facts=change.facts or law.facts,
        readings=change.readings or law.readings,
        as_known=change.as_known if change.on is not None else law.as_known,
    )
    whole = merged(before, after, reached)
    where = partners(world, present, scenario.world.members)
    found = cells(scenario, importer, before, whole, where, sectors)
    rate = (
        before.added_rate()
        .rename({"added_rate": "before_rate"})
        .join(whole.added_rate().select("origin", after_rate="added_rate"), on="origin", how="left")
    )
    whole_duties = duties(scenario, found, world, goods(world, sectors), variant.name)
    return whole_duties, found, rate, (*notes, *after.notes, *whole_duties.unanswered)


def _reached(origins: Sequence[str], present: Sequence[str], setting: Setting) -> frozenset[str]:
    """The ledger's origins that a change is restricted to; groups stand for themselves and their members."""
    found = frozenset(o for o in present for g in origins if o == g or o in ever_members(g))
    if origins and not found:
        raise ScenarioError(
            f"{setting.file.path}: change.origins {', '.join(origins)}: the ledger has no line from there"
        )
    return found


def _ledger(setting: Setting, importer: str, shop: Workshop) -> Ledger:
    path = _beside(setting.file, setting.scenario.ledger)
    return shop.once(
        ("ledger", path),
        lambda: ledgers.embedded() if path is None else ledgers.read(path, importer=importer),
    )


def _beside(file: ScenarioFile, name: str | None) -> Path | None:
    return None if name is None else file.beside(name)


def _vary(
    setting: Setting,
    importer: str,
    variant: Variant,
    change: Change,
    found: Duties,
    table: Cells | None,
    law: pl.DataFrame | None,
    notes: tuple[str, ...],
    shop: Workshop,
) -> Variation:
    """Solve a variant: as asked, under every sensitivity, and under drawn elasticities."""
    scenario = setting.scenario
    shop.say(f"{scenario.name}: the world after, {variant.title}")
    solution = _solve(setting.world, setting.options, found, shop)
    readings = {}
    for other in scenario.sensitivity:
        shop.say(f"{scenario.name}: {variant.title}, {other.label}")
        options = setting.options.changed(**other.options)
        readings[other.label] = outcomes(_solve(setting.world, options, found, shop), importer)
    return Variation(
        name=variant.name,
        title=variant.title,
        label=variant.label or variant.title,
        law=law,
        cells=table,
        duties=found,
        result=dataset(solution, flows=True),
        table=outcomes(solution, importer),
        readings=readings,
        draws=_draws(setting, importer, variant, found, shop) if shop.draws else None,
        notes=notes,
    )


def _solve(world: World, options: Options, found: Duties, shop: Workshop) -> Solution:
    """The world after, from the world under the law before."""
    base = shop.once(
        ("base", id(world), repr(options), _digest(found.observed), _digest(found.before)),
        lambda: _before(world, options, found),
    )
    tariff = np.ascontiguousarray(found.after.transpose(2, 1, 0))
    if not found.after.any() and base.tariff is None:
        return counterfactual(base)
    return counterfactual(base, EngineChange(tariff=tariff))


def _before(world: World, options: Options, found: Duties) -> Base:
    """The world under the law before the change, solved from the world as it was observed."""
    own = np.array_equal(found.observed, world.tariff.values)
    base = ready(world, options, base_tariff=None if own else found.observed)
    if np.array_equal(found.before, found.observed):
        return base
    labelled = xr.DataArray(
        found.before,
        coords={
            "exporter": list(world.economies),
            "importer": list(world.economies),
            "sector": list(world.sectors),
        },
        dims=["exporter", "importer", "sector"],
    )
    return rebased(counterfactual(base, engine_change(base, labelled)))


def _draws(setting: Setting, importer: str, variant: Variant, found: Duties, shop: Workshop) -> pl.DataFrame:
    """Outcomes under drawn elasticities: draw, economy, outcomes; each draw is on disk before the next."""
    scenario = setting.scenario
    if scenario.draw_from is None:
        raise ScenarioError(
            f"{setting.file.path}: draws need draw_from, a set of elasticities with published errors: "
            f"{', '.join(elasticities.names())}"
        )
    frames = []
    for k in range(shop.draws):
        shop.say(f"{scenario.name}: {variant.title}, draw {k + 1} of {shop.draws}")
        rng = np.random.default_rng([SEED, k])
        drawn = elasticities.draw(scenario.draw_from, setting.world.sectors, rng)
        options = setting.options.changed(elasticity=tuple(float(v) for v in drawn))
        mark = hashlib.sha256(
            "|".join((repr(options), setting.world.name, *map(_digest, _arrays(found)))).encode()
        ).hexdigest()[:16]
        kept = None if shop.store is None else shop.store / f"{mark}.parquet"
        if kept is not None and kept.exists():
            frames.append(pl.read_parquet(kept))
            continue
        one = outcomes(_solve(setting.world, options, found, shop), importer)
        one = one.select(pl.lit(k).alias("draw"), pl.all())
        if kept is not None:
            kept.parent.mkdir(parents=True, exist_ok=True)
            partial = kept.with_suffix(".partial")
            one.write_parquet(partial)
            partial.replace(kept)
        frames.append(one)
    return pl.concat(frames)


def _arrays(found: Duties) -> Iterator[Float]:
    """The three arrays of duties."""
    yield from (found.observed, found.before, found.after)


def _digest(array: Float) -> str:
    return hashlib.sha256(np.ascontiguousarray(array).tobytes()).hexdigest()


def _timeline(setting: Setting, book: Book, shop: Workshop) -> pl.DataFrame:
    """Total rates of the focus' origins at every change of law after the ledger's year."""
    law = setting.scenario.base
    assert law is not None  # asked only where there is a book
    ledger = _ledger(setting, book.importer, shop)
    origins = [c for c in setting.scenario.focus if c != book.importer]
    days = [d for d in book.change_days() if d > book.base_day]

    def make() -> pl.DataFrame:
        table = ledger.table.filter(pl.col("origin").is_in(origins))
        if table.is_empty() or not days:
            return pl.DataFrame(schema={"on": pl.Date, "origin": pl.String, "total_rate": pl.Float64})
        found = rates(replace(ledger, table=table), book, on=days, readings=law.readings)
        return found.table.select("on", "origin", "total_rate")

    shop.say(f"{setting.scenario.name}: rates at every change of law")
    return shop.once(("timeline", law.book, id(ledger), tuple(origins), repr(law.readings)), make)


def _content(setting: Setting, importer: str, shop: Workshop) -> pl.DataFrame | None:
    """Content of the third economy of the focus in the first one's goods, where the world can say."""
    focus, world = setting.scenario.focus, setting.world
    others = [c for c in focus if c != importer]
    if len(others) < 2 or len(world.sectors) == 1 or any(c not in world.economies for c in others[:2]):
        return None
    into, of = others[:2]
    shop.say(f"{setting.scenario.name}: content of {of} in goods of {into}")
    return shop.once(
        ("content", id(world), of, into, importer),
        lambda: content_table(world, of=of, into=into, to=importer).with_columns(
            of=pl.lit(of), into=pl.lit(into)
        ),
    )


def _inputs(setting: Setting, book: Book | None) -> Mapping[str, str]:
    """Checksums of what went in."""
    marks = {
        f"world {setting.world.name}": _digest(setting.world.flow.values),
    }
    # By the names that files have among the results: two files of one name are two marks, again and again.
    for where, path in copies(setting.file).items():
        marks[f"file {Path(where).name}"] = hashlib.sha256(path.read_bytes()).hexdigest()
    own = _beside(setting.file, setting.scenario.ledger)
    if own is not None:
        marks[f"ledger {own.name}"] = hashlib.sha256(own.read_bytes()).hexdigest()
    if book is not None:
        digest = hashlib.sha256()
        for path in sorted(p for p in book.source.rglob("*") if p.is_file() and p.suffix != ".pyc"):
            digest.update(path.relative_to(book.source).as_posix().encode() + path.read_bytes())
        marks[f"book {book.source.name}"] = digest.hexdigest()
        if setting.scenario.ledger is None:
            ledger = files("entrepot.data").joinpath("us_imports_2024.parquet")
            marks["ledger US imports of 2024"] = hashlib.sha256(ledger.read_bytes()).hexdigest()
    return marks
