"""From law to shock: duties by importer, exporter and sector, before and after, weighted by the ledger."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date

import numpy as np
import polars as pl

from entrepot.equilibrium.options import Float
from entrepot.errors import ScenarioError, Unresolved
from entrepot.law.assess import compile_panel
from entrepot.law.book import Book, End
from entrepot.law.facts import parse_given
from entrepot.law.measure import Measure
from entrepot.law.read import find_book, lay_over_file
from entrepot.ledger import Ledger
from entrepot.scenario.model import Change, Law, Scenario
from entrepot.scenario.places import placed
from entrepot.scenario.read import ScenarioFile
from entrepot.world import World

MONEY = ("value_usd", "paid_usd", "charged_usd", "added_usd")


@dataclass(frozen=True)
class Charged:
    """What the law of one day charges a ledger, by origin and six-digit product.

    `lines` has origin, hs6 and in USD: value_usd, paid_usd (the ledger's own duty, NaN unknown), charged_usd
    (what the law charges by itself) and added_usd (what it charges more than on the ledger's base day).
    """

    lines: pl.DataFrame
    notes: tuple[str, ...]

    def added_rate(self) -> pl.DataFrame:
        """The added rate by origin, as `entrepot rates --by origin` prints it: origin, value_usd, added_rate."""
        return (
            self.lines.group_by("origin")
            .agg(pl.col("value_usd").sum(), pl.col("added_usd").sum())
            .with_columns(added_rate=pl.col("added_usd") / pl.col("value_usd"))
            .select("origin", "value_usd", "added_rate")
            .sort("origin")
        )


def charged(
    ledger: Ledger, book: Book, on: date, *, facts: Sequence[str], readings: object, as_known: date | None
) -> Charged:
    """Assess a ledger under the law of a day. Raises LawError or Unresolved as `law.assess` does."""
    panel = compile_panel(
        ledger,
        book,
        [on],
        by=["origin", "hs6"],
        given=[parse_given(text) for text in facts],
        readings=dict(readings),  # type: ignore[call-overload]
        as_known=as_known,
    )
    now, then = (_total(panel.charged(day), len(panel.value)) for day in (on, book.base_day))

    def sums(values: Float) -> Float:
        return np.bincount(panel.group, values, len(panel.groups)).astype(np.float64)

    lines = panel.groups.select("origin", "hs6").with_columns(
        pl.Series("value_usd", sums(panel.value)),
        pl.Series("paid_usd", sums(panel.duty)),
        pl.Series("charged_usd", sums(panel.value * now)),
        pl.Series("added_usd", sums(panel.value * (now - then))),
    )
    return Charged(lines, panel.notes)


def _total(by_family: dict[str, Float], cases: int) -> Float:
    return sum(by_family.values(), start=np.zeros(cases))


def changed_book(law: Law, change: Change, file: ScenarioFile) -> Book:
    """The book after a change: overlay files first, then the scenario's own measures.

    Raises LawError, naming the scenario, where they can't be laid over the book.
    """
    book = find_book(law.book)
    for name in change.overlay.files:
        book = lay_over_file(book, file.beside(name))
    if not change.overlay.measure and not change.overlay.end:
        return book
    measures = []
    for number, entry in enumerate(change.overlay.measure, 1):
        where = f"{file.path}: overlay measure {entry.get('id', f'number {number}')!r}"
        measures.append(_measure({"importer": book.importer, **entry}, where))
    ends = [End(entry.id, entry.on, entry.published or entry.on) for entry in change.overlay.end]
    laid = replace(book, source=file.path).lay_over(measures, ends)
    return replace(laid, source=book.source)


def _measure(entry: dict[str, object], where: str) -> Measure:
    try:
        return Measure.model_validate(entry)
    except ValueError as error:  # pydantic's own errors are ValueErrors
        first = error.errors()[0] if hasattr(error, "errors") else {"loc": (), "msg": str(error)}
        key = ".".join(str(part) for part in first["loc"]) or "entry"
        raise ScenarioError(f"{where}: {key}: {first['msg']}") from None


def check_days(law: Law, change: Change, file: ScenarioFile) -> None:
    """Raise ScenarioError for a day before the book's first: what is added is counted from there.

    Measures may be older, but the book doesn't hold all the law of their time; `law.assess.rates` refuses
    those days too.
    """
    book = find_book(law.book)
    for key, day in (("base.on", law.on), ("change.on", change.on)):
        if day is not None and day < book.base_day:
            raise ScenarioError(
                f"{file.path}: {key}: {day} is before the first day of the book {law.book}, {book.base_day}, "
                "from which it counts what was added; give that day or a later one, or a book that reaches back"
            )


def merged(before: Charged, after: Charged, origins: frozenset[str]) -> Charged:
    """The law before, with that after for some origins (all if none are named)."""
    if not origins:
        return after
    kept = before.lines.filter(~pl.col("origin").is_in(list(origins)))
    moved = after.lines.filter(pl.col("origin").is_in(list(origins)))
    return Charged(pl.concat([kept, moved]).sort("origin", "hs6"), after.notes)


@dataclass(frozen=True)
class Cells:
    """Duties of one importer by exporter and sector, before and after a change of law.

    `table`: exporter, sector, value_usd, products (how many six-digit products), level_rate (2024, or what
    the ledger paid), before_rate, after_rate, change_rate (weighted by the ledger), change_unweighted_rate
    (mean over products). `unplaced`: origin, hs6, value_usd, before_rate, after_rate of lines without a place.
    """

    importer: str
    table: pl.DataFrame
    unplaced: pl.DataFrame


def cells(
    scenario: Scenario,
    importer: str,
    before: Charged,
    after: Charged,
    where: pl.DataFrame,
    sectors: pl.DataFrame,
) -> Cells:
    """Duties by exporter and sector. Level and change are weighted by the ledger's trade within a cell.

    Raises Unresolved where the level is the ledger's and a duty isn't known.
    """
    both = _levels(scenario, before, after)
    money = ["value_usd", "level_usd", "before_usd", "after_usd"]
    inside, outside = placed(both, where, sectors, money)
    change = (pl.col("after_usd") - pl.col("before_usd")) / pl.col("value_usd")
    usable = pl.col("value_usd") > 0
    table = (
        inside.with_columns(pl.when(usable).then(change).otherwise(0.0).alias("_change"))
        .group_by("exporter", "sector")
        .agg(
            *[pl.col(c).sum() for c in money],
            pl.col("hs6").n_unique().alias("products"),
            ((pl.col("_change") * pl.col("weight")).sum() / pl.col("weight").sum()).alias(
                "change_unweighted_rate"
            ),
        )
        .filter(pl.col("value_usd") > 0)
        .sort("exporter", "sector")
    )
    rate = {f"{n}_rate": pl.col(f"{n}_usd") / pl.col("value_usd") for n in ("level", "before", "after")}
    table = table.with_columns(**rate).with_columns(
        change_rate=pl.col("after_rate") - pl.col("before_rate"), importer=pl.lit(importer)
    )
    unplaced = outside.filter(usable).with_columns(**rate).sort("value_usd", descending=True)
    return Cells(
        importer,
        table.select(
            "importer", "exporter", "sector", "value_usd", "products", "level_rate", "before_rate", "after_rate",
            "change_rate", "change_unweighted_rate",
        ),
        unplaced.select("origin", "hs6", "value_usd", "before_rate", "after_rate"),
    )  # fmt: skip


def _levels(scenario: Scenario, before: Charged, after: Charged) -> pl.DataFrame:
    """Duties in USD by line: level (what the ledger paid), before and after the change.

    By `level = "law"` an origin that the law reaches pays what the law charges, on both sides.
    """
    keys = ["origin", "hs6"]
    lines = before.lines.join(after.lines, on=keys, how="left", suffix="_after", maintain_order="left")
    if lines["added_usd_after"].null_count():
        raise ScenarioError(f"{scenario.name}: the law after the change was asked of fewer lines than before")
    by_law = pl.lit(value=False)
    if scenario.level == "law":
        total = pl.col("charged_usd").abs() + pl.col("charged_usd_after").abs()
        by_law = total.sum().over("origin") > 0
    paid = pl.col("paid_usd")
    lines = lines.with_columns(
        pl.when(by_law).then("charged_usd").otherwise(paid + pl.col("added_usd")).alias("before_usd"),
        pl.when(by_law)
        .then("charged_usd_after")
        .otherwise(paid + pl.col("added_usd_after"))
        .alias("after_usd"),
        paid.alias("level_usd"),
    )
    if lines["before_usd"].is_nan().any() or lines["level_usd"].is_nan().any():
        raise Unresolved(
            f"{scenario.name}: the ledger doesn't say what duty was paid, and the level of duties before the "
            "change rests on it. Give it as a column duty_usd."
        )
    return lines.select(*keys, "value_usd", "level_usd", "before_usd", "after_usd")


@dataclass(frozen=True)
class Duties:
    """Duties on all axes of a world (exporter, importer, sector), fractions of value before duty.

    `observed` is what the world's trade was observed under, `before` and `after` the change. `uncovered` says
    in words what no ledger line covers, with USD of the world; `unanswered` which retaliation changes nothing.
    """

    observed: Float
    before: Float
    after: Float
    uncovered: tuple[str, ...]
    unanswered: tuple[str, ...] = ()


def duties(
    scenario: Scenario, found: Cells, world: World, goods: Sequence[str], variant: str | None = None
) -> Duties:
    """The duties of a law's cells in a world, with those who answer. Other pairs keep the world's own."""
    own = np.array(world.tariff.values)
    observed, before, after = own.copy(), own.copy(), own.copy()
    i = world.economy_index(found.importer)
    covered = np.zeros((len(world.economies), len(world.sectors)), dtype=bool)
    for row in found.table.iter_rows(named=True):
        n, s = world.economy_index(row["exporter"]), world.sector_index(row["sector"])
        if n == i:
            continue  # goods that come back home: the model has no duty on home sales
        covered[n, s] = True
        observed[n, i, s], before[n, i, s], after[n, i, s] = (
            row["level_rate"],
            row["before_rate"],
            row["after_rate"],
        )
    said = _fill(scenario, found, world, goods, covered, (observed, before, after))
    unanswered = []
    for answer in scenario.retaliation:
        if not answer.variants or variant in answer.variants:
            silent = retaliate(answer.by, answer.rate, world, i, goods, before, after)
            unanswered += [_silence(silent, found.importer)] if silent else []
    return Duties(observed, before, after, said, tuple(unanswered))


def _silence(by: Sequence[str], importer: str) -> str:
    """A retaliation that changes nothing, in words."""
    who = "anybody" if "*" in by else ", ".join(by)
    return (
        f"retaliation by {who} changes nothing here: it answers duties that rise, and this change raises "
        f"none of {importer}'s on goods from there"
    )


def _fill(
    scenario: Scenario,
    found: Cells,
    world: World,
    goods: Sequence[str],
    covered: np.ndarray,
    arrays: tuple[Float, Float, Float],
) -> tuple[str, ...]:
    """Cells with trade in the world and none in the ledger, as the scenario says; what they are, in words."""
    i = world.economy_index(found.importer)
    at = [world.sector_index(s) for s in goods]
    said = []
    value = found.table.group_by("exporter").agg(
        pl.col("value_usd").sum(),
        *[
            (pl.col(f"{n}_rate") * pl.col("value_usd")).sum().alias(n)
            for n in ("level", "before", "after")
        ],
    )  # fmt: skip
    averages = {
        row["exporter"]: [row[n] / row["value_usd"] for n in ("level", "before", "after")]
        for row in value.iter_rows(named=True)
    }
    for n, code in enumerate(world.economies):
        flow = world.flow.values[n, i]
        gaps = [s for s in at if not covered[n, s] and flow[s] > 0 and n != i]
        if not gaps:
            continue
        usd = float(flow[gaps].sum())
        names = ", ".join(world.sectors[s] for s in gaps)
        if scenario.uncovered == "average" and code in averages:
            for array, rate in zip(arrays, averages[code], strict=True):
                array[n, i, gaps] = rate
            said.append(f"{code}: {names} ({usd:,.0f} USD in the world) pay the average of its other goods")
        else:
            said.append(f"{code}: {names} ({usd:,.0f} USD in the world) keep the world's own duty")
    services = [s for s in range(len(world.sectors)) if s not in at]
    if services:
        usd = float(world.flow.values[:, i, services].sum() - world.flow.values[i, i, services].sum())
        names = ", ".join(world.sectors[s] for s in services)
        said.append(f"services ({names}, {usd:,.0f} USD in the world) pay no duty")
    return tuple(said)


def retaliate(
    by: Sequence[str],
    rate: float | None,
    world: World,
    importer: int,
    goods: Sequence[str],
    before: Float,
    after: Float,
) -> tuple[str, ...]:
    """Add to `after` what others charge the importer's goods: the points they were hit by, or one rate.

    Only who is hit answers; returned are those of `by` who aren't, `*` if nobody is. Raises UnknownCode for an
    economy the world doesn't have.
    """
    at = [world.sector_index(s) for s in goods]
    chosen = range(len(world.economies)) if "*" in by else [world.economy_index(c) for c in by]
    answered = set()
    for n in chosen:
        hit = np.maximum(after[n, importer, at] - before[n, importer, at], 0.0)
        if n != importer and hit.any():
            after[importer, n, at] = before[importer, n, at] + (hit if rate is None else rate)
            answered.add(world.economies[n])
    if "*" in by:
        return () if answered else ("*",)
    return tuple(code for code in by if code not in answered)
