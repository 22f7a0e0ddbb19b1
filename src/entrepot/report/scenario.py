"""The report of scenarios: one self-contained page, the numbers of its figures, and a summary for a terminal."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from importlib.resources import files

import polars as pl

from entrepot.report import numbers
from entrepot.report import scenario_frames as frames
from entrepot.report.figure import Figure, pictures
from entrepot.report.places import name_of, the_name
from entrepot.report.press import Press, here
from entrepot.report.scenario_figures import SIZE, make_figures
from entrepot.report.scenario_frames import Case
from entrepot.report.scenario_tables import Rows, outcome_table, rates_table
from entrepot.report.tables import laid_out
from entrepot.scenario.outcome import Outcome

PUBLISHERS = {
    "ledger US imports of 2024": "U.S. Census Bureau, imports for consumption by 8-digit line and partner",
    "world reference-2023": "estimated by this project from published facts; SOURCES.md of the package lists each",
    "book us": "Federal Register and Harmonized Tariff Schedule; entrepot law shows every measure with its act",
    "book us-2001": "Harmonized Tariff Schedule of 2001 and the bilateral trade agreement of 2000",
    "book vn": "decrees of Viet Nam; entrepot law shows every measure with its act",
}
"""Where the package's own data are from."""


def report_files(outcome: Outcome, press: Press = here) -> dict[str, str | bytes]:
    """The page of one scenario and the CSV files of its figures, by name."""
    return _files([outcome], press)


def comparison_page(outcomes: Sequence[Outcome], press: Press = here) -> dict[str, str | bytes]:
    """The page of several scenarios side by side and the CSV files of its figures, by name."""
    return _files(outcomes, press)


def _files(outcomes: Sequence[Outcome], press: Press) -> dict[str, str | bytes]:
    several = frames.cases(outcomes)
    figures = make_figures(several)
    found: dict[str, str | bytes] = {"report.html": page(several, figures, press)}
    for figure in figures:
        found[f"figures/{figure.id}.csv"] = figure.frame.write_csv()
    return found


def page(several: Sequence[Case], figures: Sequence[Figure], press: Press = here) -> str:
    """The report as one HTML page that needs nothing else: no script, no network, no other file."""
    first = several[0].outcome
    outcomes = list({id(c.outcome): c.outcome for c in several}.values())
    table = frames.summary(several)
    rows = frames.by_key(table)
    shown = frames.shown_economies(table, first.scenario.focus)
    drawn = [press(pictures, f.id, f.chart) for f in figures]  # tables are laid out meanwhile
    tables = [figure.table() for figure in figures]
    html: str = _template().render(
        title=first.scenario.title if len(outcomes) == 1 else "Scenarios side by side",
        outcomes=outcomes,
        several=several,
        answers=[answer(case, rows) for case in several],
        outcome_table=laid_out(outcome_table(several, rows, shown)),
        rates_table=laid_out(rates_table(several)),
        figures=[(f, table, made()) for f, table, made in zip(figures, tables, drawn, strict=True)],
        notes=_notes(several),
        statement=first.world.statement,
        attributes=dict(several[0].variation.result.attrs),
        ranged=bool(first.scenario.sensitivity),
        inputs=_inputs(outcomes),
    )
    return html


def _inputs(outcomes: Sequence[Outcome]) -> dict[str, str]:
    """Data and law that went in, and who publishes them."""
    names = dict.fromkeys(name for o in outcomes for name in o.inputs)
    return {name: PUBLISHERS.get(name, "the user's own") for name in names}


@cache
def _template():  # type: ignore[no-untyped-def]  # the library's class is imported when a page is made
    import jinja2  # noqa: PLC0415

    text = files("entrepot.report").joinpath("templates/report.html").read_text(encoding="utf-8")
    environment = jinja2.Environment(
        autoescape=True, undefined=jinja2.StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    return environment.from_string(text)


def answer(case: Case, rows: Rows) -> str:
    """The answer of one case in a sentence or two, made of the numbers of the summary."""
    o = case.outcome
    exporter = frames.hit_exporter([case])

    def said(economy: str, outcome: str) -> str:
        row = rows[case.label, economy, outcome]
        return numbers.with_range(row["value"], row["low"], row["high"], row["unit"])

    text = (
        f"Real income of {name_of(exporter)}: {said(exporter, 'real_income_pct')}. "
        f"Its exports to {the_name(o.importer)}: {said(exporter, 'exports_to_importer_pct')}; all its exports: "
        f"{said(exporter, 'exports_pct')}. Real income of {the_name(o.importer)}: "
        f"{said(o.importer, 'real_income_pct')}, consumer prices there {said(o.importer, 'prices_pct')}, "
        f"tariff revenue {said(o.importer, 'revenue_change_usd')} a year."
    )
    if case.variation.law is not None:
        law = case.variation.law.filter(pl.col("origin") == exporter)
        if len(law):
            old, new = law["before_rate"][0], law["after_rate"][0]
            text = (
                f"Duty that law adds on goods of {name_of(exporter)}, as a share of their value: before "
                f"{numbers.rate(old)}, after {numbers.rate(new)} ({numbers.points(new - old)}). " + text
            )
    return text


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
