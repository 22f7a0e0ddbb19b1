"""The report of scenarios: one self-contained page, the numbers of its figures, and a summary for a terminal."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from functools import cache
from importlib.resources import files

import polars as pl

from entrepot.report import numbers
from entrepot.report import scenario_frames as frames
from entrepot.report.drawing import Draw, draw
from entrepot.report.scenario_figures import SIZE, Column, Figure, draw_all, make_figures, the_name
from entrepot.report.scenario_frames import Case, name_of
from entrepot.scenario.outcome import OUTCOMES, Outcome

Rows = Mapping[tuple[str, str, str], frames.Row]
"""The summary by label, economy and outcome."""

KEY_OUTCOMES = (
    "real_income_pct", "exports_pct", "exports_to_importer_pct", "prices_pct", "employment_pct", "revenue_change_usd",
)  # fmt: skip
NEXT_OUTCOMES = ("real_income_pct", "exports_to_importer_pct")
"""What is said of the next losers and winners."""


def report_files(outcome: Outcome, draw: Draw = draw) -> dict[str, str | bytes]:
    """The page of one scenario and the CSV files of its figures, by name."""
    return _files([outcome], draw)


def comparison_page(outcomes: Sequence[Outcome], draw: Draw = draw) -> dict[str, str | bytes]:
    """The page of several scenarios side by side and the CSV files of its figures, by name."""
    return _files(outcomes, draw)


def _files(outcomes: Sequence[Outcome], draw: Draw) -> dict[str, str | bytes]:
    several = frames.cases(outcomes)
    figures = make_figures(several)
    found: dict[str, str | bytes] = {"report.html": page(several, figures, draw)}
    for figure in figures:
        found[f"figures/{figure.id}.csv"] = figure.frame.write_csv()
    return found


def page(several: Sequence[Case], figures: Sequence[Figure], draw: Draw = draw) -> str:
    """The report as one HTML page that needs nothing else: no script, no network, no other file."""
    first = several[0].outcome
    outcomes = list({id(c.outcome): c.outcome for c in several}.values())
    table = frames.summary(several)
    rows = frames.by_key(table)
    shown = frames.shown_economies(table, first.scenario.focus)
    html: str = _template().render(
        title=first.scenario.title if len(outcomes) == 1 else "Scenarios side by side",
        outcomes=outcomes,
        several=several,
        answers=[answer(case, rows) for case in several],
        headline=headline(several, rows, shown),
        economies=shown,
        name_of=name_of,
        figures=figures,
        pictures=draw_all(figures, draw),
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
                f"Law adds {numbers.rate(new)} to duties on goods of {name_of(exporter)}, before "
                f"{numbers.rate(old)}. " + text
            )
    return text


def headline(several: Sequence[Case], rows: Rows, shown: Sequence[str]) -> list[dict[str, object]]:
    """Rows of the table of answers: economy, outcome, and a cell (value, low, high, text) by case."""
    found: list[dict[str, object]] = []
    for code in shown:
        focus = several[0].outcome.scenario.focus
        for outcome in KEY_OUTCOMES if code in focus else NEXT_OUTCOMES:
            cells = [rows[c.label, code, outcome] for c in several]
            if all(cell["value"] is None for cell in cells):
                continue
            if outcome == "revenue_change_usd" and not any(cell["value"] for cell in cells):
                continue
            importer = the_name(several[0].outcome.importer)
            words = OUTCOMES[outcome].replace("the importer", importer)
            found.append({"economy": code, "outcome": outcome, "words": words, "cells": cells})
    return found


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
