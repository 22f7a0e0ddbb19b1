"""The report of scenarios: one self-contained page, the numbers of its figures, and a summary for a terminal."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from functools import cache, partial
from importlib.resources import files

import polars as pl

from entrepot.report import numbers
from entrepot.report import scenario_charts as charts
from entrepot.report import scenario_frames as frames
from entrepot.report.scenario_frames import Case, name_of
from entrepot.scenario.outcome import OUTCOMES, Outcome
from entrepot.world.reference import NAME as REFERENCE

KEY_OUTCOMES = (
    "real_income_pct", "exports_pct", "exports_to_importer_pct", "prices_pct", "employment_pct", "revenue_change_usd",
)  # fmt: skip
NEXT_OUTCOMES = ("real_income_pct", "exports_to_importer_pct")
"""What is said of the next losers and winners."""


@dataclass(frozen=True)
class Column:
    """A column of a table on the page: what it holds, its heading, how its numbers are said."""

    name: str
    heading: str
    say: Callable[[float | None], str] | None = None


@dataclass(frozen=True)
class Figure:
    """A chart with its numbers: `frame` is what it draws, what its table shows and what figures/ID.csv holds."""

    id: str
    title: str
    caption: str
    source: str
    frame: pl.DataFrame
    columns: tuple[Column, ...]
    chart: Callable[[int], charts.Drawing] | None

    def pictures(self) -> dict[str, str]:
        """The chart as SVG, wide and for phones."""
        if self.chart is None:
            return {}
        return {
            kind: charts.svg(self.chart(width), f"{self.id}-{kind}-")
            for kind, width in (("wide", charts.WIDE), ("narrow", charts.NARROW))
        }


def report_files(outcome: Outcome) -> dict[str, str | bytes]:
    """The page of one scenario and the CSV files of its figures, by name."""
    return _files([outcome])


def comparison_page(outcomes: Sequence[Outcome]) -> dict[str, str | bytes]:
    """The page of several scenarios side by side and the CSV files of its figures, by name."""
    return _files(outcomes)


def _files(outcomes: Sequence[Outcome]) -> dict[str, str | bytes]:
    several = frames.cases(outcomes)
    figures = make_figures(several)
    found: dict[str, str | bytes] = {"report.html": page(several, figures)}
    for figure in figures:
        found[f"figures/{figure.id}.csv"] = figure.frame.write_csv()
    return found


def page(several: Sequence[Case], figures: Sequence[Figure]) -> str:
    """The report as one HTML page that needs nothing else: no script, no network, no other file."""
    first = several[0].outcome
    outcomes = list({id(c.outcome): c.outcome for c in several}.values())
    table = frames.summary(several)
    shown = frames.shown_economies(table, first.scenario.focus)
    html: str = _template().render(
        title=first.scenario.title if len(outcomes) == 1 else "Scenarios side by side",
        outcomes=outcomes,
        several=several,
        answers=[answer(case, table) for case in several],
        headline=headline(several, table, shown),
        economies=shown,
        name_of=name_of,
        figures=figures,
        say=_say,
        exact=_exact,
        rates=_rates(several),
        notes=_notes(several),
        statement=first.world.statement,
        attributes=dict(several[0].variation.result.attrs),
        ranged=bool(first.scenario.sensitivity),
        drawn=any(c.variation.draws is not None for c in several),
    )
    return html


@cache
def _template():  # type: ignore[no-untyped-def]  # the library's class is imported when a page is made
    import jinja2  # noqa: PLC0415

    text = files("entrepot.report").joinpath("templates/report.html").read_text(encoding="utf-8")
    environment = jinja2.Environment(
        autoescape=True, undefined=jinja2.StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    environment.filters["rate"] = numbers.rate
    environment.filters["said"] = lambda cell: numbers.with_range(
        cell["value"], cell["low"], cell["high"], cell["unit"]
    )
    return environment.from_string(text)


def answer(case: Case, table: pl.DataFrame) -> str:
    """The answer of one case in a sentence or two, made of the numbers of the summary."""
    o = case.outcome
    mine = table.filter(pl.col("label") == case.label)
    exporter = frames.hit_exporter([case])

    def said(economy: str, outcome: str) -> str:
        row = mine.filter(pl.col("economy") == economy, pl.col("outcome") == outcome).row(0, named=True)
        return numbers.with_range(row["value"], row["low"], row["high"], row["unit"])

    text = (
        f"Real income of {name_of(exporter)}: {said(exporter, 'real_income_pct')}. "
        f"Its exports to {_the(o.importer)}: {said(exporter, 'exports_to_importer_pct')}; all its exports: "
        f"{said(exporter, 'exports_pct')}. Real income of {_the(o.importer)}: "
        f"{said(o.importer, 'real_income_pct')}, consumer prices there {said(o.importer, 'prices_pct')}, "
        f"tariff revenue {said(o.importer, 'revenue_change_usd')} a year."
    )
    if case.variation.law is not None:
        law = case.variation.law.filter(pl.col("origin") == exporter)
        if len(law):
            old, new = law["before_rate"][0], law["after_rate"][0]
            text = (
                f"Law adds {numbers.rate(new)} to duties on goods of {name_of(exporter)}, before "
                f"{numbers.rate(old)}. " + text
            )
    return text


def _the(code: str) -> str:
    name = name_of(code)
    return f"the {name}" if name.startswith(("United", "European")) else name


def headline(several: Sequence[Case], table: pl.DataFrame, shown: Sequence[str]) -> list[dict[str, object]]:
    """Rows of the table of answers: economy, outcome, and a cell (value, low, high, text) by case."""
    rows: list[dict[str, object]] = []
    for code in shown:
        focus = several[0].outcome.scenario.focus
        for outcome in KEY_OUTCOMES if code in focus else NEXT_OUTCOMES:
            mine = table.filter(pl.col("economy") == code, pl.col("outcome") == outcome)
            cells = [mine.filter(pl.col("label") == c.label).row(0, named=True) for c in several]
            if all(cell["value"] is None for cell in cells):
                continue
            if outcome == "revenue_change_usd" and not any(cell["value"] for cell in cells):
                continue
            importer = _the(several[0].outcome.importer)
            words = OUTCOMES[outcome].replace("the importer", importer)
            rows.append({"economy": code, "outcome": outcome, "words": words, "cells": cells})
    return rows


def make_figures(several: Sequence[Case]) -> list[Figure]:
    """Every figure of a report, in its order; those that a world or law has nothing for are left out."""
    first = several[0]
    outcome, exporter = first.outcome, frames.hit_exporter(several)
    table = frames.summary(several)
    shown = frames.shown_economies(table, outcome.scenario.focus)
    names = sector_names(outcome)
    estimated = f"Entrepot, {outcome.world.name}"
    found = [_income(table, shown, estimated)]
    found += _map(first, table, estimated)
    found += _duties(several, exporter, names)
    found += _trade(first, exporter, estimated)
    found += _content(first, exporter, names, estimated)
    found += _timeline(several)
    found += _published(several)
    return found


def sector_names(outcome: Outcome) -> dict[str, str]:
    """Names of the sectors for people; codes where the world has no names."""
    codes = {code: code for code in outcome.world.sectors}
    if outcome.world.name != REFERENCE:
        return codes
    path = files("entrepot.data").joinpath(f"world/{REFERENCE}/sectors.csv")
    table = pl.read_csv(path.read_bytes())
    # The first two things of a long name: charts have little room, and the code stands in the table.
    short = {
        c: ",".join(n.split(":")[0].split(",")[:2]) for c, n in table.select("sector", "name").iter_rows()
    }
    return codes | short


PERCENT = partial(numbers.percent)
SIZE = partial(numbers.dollars, signed=False)


def _income(table: pl.DataFrame, shown: Sequence[str], source: str) -> Figure:
    return Figure(
        "income",
        "Who gains, who loses",
        "Change of real income, what an economy can buy at home, in percent. The point is the scenario as asked; "
        "the band spans the other readings of the model's parameters that the scenario names.",
        source,
        frames.income(table, shown),
        (
            Column("label", "case"),
            Column("name", "economy"),
            Column("value", "real income", PERCENT),
            Column("low", "least", PERCENT),
            Column("high", "most", PERCENT),
        ),
        partial(charts.ranges, frames.income(table, shown)),
    )


def _map(first: Case, table: pl.DataFrame, source: str) -> list[Figure]:
    frame = table.filter(pl.col("label") == first.label, pl.col("outcome") == "real_income_pct").select(
        "economy", "value"
    )
    if sum(code in charts.TILES for code in frame["economy"]) < 10 or len(frame) > len(charts.TILES):
        return []
    frame = frame.with_columns(
        pl.col("value").map_elements(numbers.percent, return_dtype=pl.String).alias("text")
    )
    return [
        Figure(
            "map",
            "Where: a tile for every economy",
            f"Change of real income, {first.label}. Tiles lie roughly where their economies do, all of one size.",
            source,
            frame,
            (Column("economy", "economy"), Column("value", "real income", PERCENT)),
            partial(charts.tiles, frame),
        )
    ]


def _duties(several: Sequence[Case], exporter: str, names: Mapping[str, str]) -> list[Figure]:
    frame = frames.duties(several, exporter)
    if frame.is_empty():
        return []
    importer = _the(several[0].outcome.importer)
    return [
        Figure(
            "duties",
            f"Who pays: duty on goods of {name_of(exporter)} by sector",
            f"Share of customs value on entry into {importer}: before (tick) and after (point), weighted with the "
            "trade of the ledger. The table has the change without weights beside it, and what the change comes "
            "to in USD a year if trade stayed as it was. Importers pay it at the border.",
            "law and ledger of the scenario, see sources",
            frame,
            (
                Column("label", "case"),
                Column("sector", "sector"),
                Column("value_usd", "trade", SIZE),
                Column("before_rate", "before", numbers.rate),
                Column("after_rate", "after", numbers.rate),
                Column("change_rate", "change", numbers.rate),
                Column("change_unweighted_rate", "change, unweighted", numbers.rate),
                Column("more_usd", "more duty", numbers.dollars),
            ),
            partial(charts.duty_steps, frame, names),
        )
    ]


def _trade(first: Case, exporter: str, source: str) -> list[Figure]:
    taken, moved = frames.taken_over(first), frames.diversion(first)
    sold = frames.exports_by_destination(first, exporter)
    importer = _the(first.outcome.importer)
    any_moved = float(taken["moved_usd"].abs().sum()) > 1e6
    return [
        Figure(
            "taken-over",
            f"Where the trade goes instead: suppliers of {importer}",
            f"{first.label}. Purchases that move from suppliers on the left to those on the right, at unchanged "
            f"total purchases of each sector; production in {importer} is a supplier too.",
            source,
            taken,
            (Column("economy", "supplier"), Column("moved_usd", "purchases moved", numbers.dollars)),
            partial(charts.flow_bands, taken) if any_moved else None,
        ),
        Figure(
            "diversion",
            "The same between all",
            f"{first.label}. Billions of USD of purchases that move to (+) or from (\N{MINUS SIGN}) a supplier, for "
            "the economies that move most; the diagonal is production at home. A dot is less than 0.05.",
            source,
            moved,
            (
                Column("exporter", "supplier"),
                Column("importer", "buyer"),
                Column("moved_usd", "purchases moved", numbers.dollars),
            ),
            partial(charts.matrix, moved),
        ),
        Figure(
            "destinations",
            f"What {name_of(exporter)} sells where",
            f"{first.label}. Sales by destination before and after, home included, in USD of the base with world "
            "labour income unchanged.",
            source,
            sold,
            (
                Column("importer", "destination"),
                Column("before_usd", "before", SIZE),
                Column("after_usd", "after", SIZE),
                Column("change_usd", "change", numbers.dollars),
            ),
            None,
        ),
    ]


def _content(case: Case, exporter: str, names: Mapping[str, str], source: str) -> list[Figure]:
    frame = frames.content_and_duty(case, exporter)
    if frame.is_empty() or case.outcome.content is None:
        return []
    of = str(case.outcome.content["of"][0])
    return [
        Figure(
            "content",
            f"Whose value, and what it pays: goods of {name_of(exporter)}",
            f"{case.label}. By sector: value of {name_of(of)} through all tiers of production, and duty after; the "
            "larger the point, the more trade. Content is an estimate for a whole sector; single goods differ.",
            f"{source}; law and ledger of the scenario",
            frame,
            (
                Column("sector", "sector"),
                Column("value_usd", "trade", SIZE),
                Column("content_rate", f"value of {of}", numbers.rate),
                Column("before_rate", "duty before", numbers.rate),
                Column("after_rate", "duty after", numbers.rate),
            ),
            lambda width: charts.content_points(frame, names, width, of),
        )
    ]


def _timeline(several: Sequence[Case]) -> list[Figure]:
    outcome = several[0].outcome
    frame = outcome.timeline
    if frame is None or frame.is_empty() or frame["on"].n_unique() < 3:
        return []
    law = outcome.scenario.base
    days = {} if law is None else {law.on.isoformat(): "before"}
    for case in several:
        chosen = {v.name: c for v, c in case.outcome.scenario.changes()}[case.variation.name]
        if chosen.on is not None:
            days.setdefault(chosen.on.isoformat(), "after")
    return [
        Figure(
            "timeline",
            "The law over time",
            "Duty that the trade of the ledger would pay, as a share of its value, at every change of law; dotted, "
            "the days that this report compares.",
            "law and ledger of the scenario, see sources",
            frame,
            (Column("on", "from"), Column("origin", "origin"), Column("total_rate", "duty", numbers.rate)),
            partial(charts.timeline, frame, days),
        )
    ]


def _published(several: Sequence[Case]) -> list[Figure]:
    frame = frames.published(several)
    if frame.is_empty():
        return []
    return [
        Figure(
            "published",
            "What others found",
            "Estimates for the same or a similar question beside ours, and why they differ.",
            "each row",
            frame,
            (
                Column("who", "who"),
                Column("what", "what"),
                Column("economy", "economy"),
                Column("theirs", "theirs", PERCENT),
                Column("ours", "ours", PERCENT),
                Column("low", "ours, least", PERCENT),
                Column("high", "ours, most", PERCENT),
                Column("why", "why they differ"),
                Column("source", "source"),
            ),
            None,
        )
    ]


def _say(column: Column, value: object) -> str:
    if column.say is not None:
        return column.say(value if isinstance(value, float) else None)
    if isinstance(value, date):
        return value.isoformat()
    return str(value)


def _exact(value: object) -> str:
    """A number with all its digits, for those who read the page by program."""
    return repr(value) if isinstance(value, float) else ""


def _rates(several: Sequence[Case]) -> list[dict[str, object]]:
    """Added rates by origin and case for the largest partners and the focus."""
    with_law = [c for c in several if c.variation.law is not None]
    if not with_law:
        return []
    law = with_law[0].variation.law
    assert law is not None  # chosen so
    largest = law.sort("value_usd", descending=True)["origin"].head(8).to_list()
    focus = [c for c in several[0].outcome.scenario.focus if c in law["origin"].to_list()]
    rows = []
    for origin in dict.fromkeys([*focus, *largest]):
        cells = []
        for case in with_law:
            found = case.variation.law
            assert found is not None  # chosen so
            cells.append(found.filter(pl.col("origin") == origin).row(0, named=True))
        rows.append({"origin": origin, "cells": cells, "labels": [c.label for c in with_law]})
    return rows


def _notes(several: Sequence[Case]) -> dict[str, list[str]]:
    """What the reader has to know of law, ledger and world: notes, what isn't covered, what has no place."""
    law: dict[str, None] = {}
    uncovered: dict[str, None] = {}
    unplaced = []
    for case in several:
        law |= dict.fromkeys(case.variation.notes)
        uncovered |= dict.fromkeys(case.variation.duties.uncovered)
    found = several[0].variation.cells
    if found is not None and len(found.unplaced):
        total, placed = float(found.unplaced["value_usd"].sum()), float(found.table["value_usd"].sum())
        by_code = found.unplaced.group_by("hs6").agg(pl.col("value_usd").sum()).sort(
            "value_usd", "hs6", descending=[True, False]
        )  # fmt: skip
        top = ", ".join(f"{code} ({SIZE(usd)})" for code, usd in by_code.head(12).iter_rows())
        unplaced.append(
            f"{SIZE(total)} of the ledger ({total / (total + placed):.1%}) are {len(by_code)} codes that belong to no "
            f"sector and stay out of the world's duties: {top}; all stand in unplaced.csv."
        )
    return {"law": list(law), "uncovered": list(uncovered), "unplaced": unplaced}


def summary_text(outcomes: Sequence[Outcome]) -> str:
    """The answers for a terminal: a row for every variant."""
    from entrepot.cli.output import as_text  # noqa: PLC0415

    several = frames.cases(outcomes)
    table = frames.summary(several)
    exporter, importer = frames.hit_exporter(several), several[0].outcome.importer
    wanted = (
        (exporter, "real_income_pct"), (exporter, "exports_to_importer_pct"), (importer, "real_income_pct"),
        (importer, "prices_pct"), (importer, "revenue_change_usd"),
    )  # fmt: skip
    rows = []
    for case in several:
        mine = table.filter(pl.col("label") == case.label)
        law = case.variation.law
        added = (
            ""
            if law is None
            else numbers.rate(_first(law.filter(pl.col("origin") == exporter)["after_rate"]))
        )
        cells = []
        for economy, outcome in wanted:
            row = mine.filter(pl.col("economy") == economy, pl.col("outcome") == outcome).row(0, named=True)
            cells.append(numbers.with_range(row["value"], row["low"], row["high"], row["unit"]))
        rows.append((case.outcome.scenario.name, case.variation.title, added, *cells))
    heads = ["scenario", "variant", f"law adds to {exporter}"]
    heads += [f"{e} {OUTCOMES[o].replace('the importer', importer)}" for e, o in wanted]
    frame = pl.DataFrame(rows, schema=heads, orient="row")
    return as_text(frame, "Change from the law before; in brackets the range of the scenario's sensitivities")


def _first(values: pl.Series) -> float | None:
    return float(values[0]) if len(values) else None
