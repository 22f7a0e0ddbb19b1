"""The tables of answers in a scenario's report: outcomes by economy and case, and what the law adds by partner."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence

import polars as pl

from entrepot.report import numbers
from entrepot.report import scenario_frames as frames
from entrepot.report.places import name_of, the_name
from entrepot.report.scenario_frames import Case
from entrepot.report.tables import Layout, exact
from entrepot.scenario.outcome import OUTCOMES

Rows = Mapping[tuple[str, str, str], frames.Row]
"""The summary by label, economy and outcome."""

KEY_OUTCOMES = (
    "real_income_pct", "exports_pct", "exports_to_importer_pct", "prices_pct", "employment_pct", "revenue_change_usd",
)  # fmt: skip
NEXT_OUTCOMES = ("real_income_pct", "exports_to_importer_pct")
"""What is said of the next losers and winners."""

LARGEST = 8
"""Partners whose rates are listed beside the focus."""


def outcome_table(several: Sequence[Case], rows: Rows, shown: Sequence[str]) -> Layout:
    """The answers: a group of rows for each economy, a column for each case."""
    importer = the_name(several[0].outcome.importer)
    lines = []
    for code in shown:
        focus = several[0].outcome.scenario.focus
        for outcome in KEY_OUTCOMES if code in focus else NEXT_OUTCOMES:
            cells = [rows[c.label, code, outcome] for c in several]
            values = [cell["value"] for cell in cells]
            # Not defined (exports to oneself), or duties that nobody changed: a row of nothing says nothing.
            if all(v is None for v in values) or (outcome == "revenue_change_usd" and not any(values)):
                continue
            words = OUTCOMES[outcome].replace("the importer", importer)
            lines.append((name_of(code), words, *map(_cell, cells)))
    cases = {f"case{k}": case.label for k, case in enumerate(several)}
    return Layout(
        pl.DataFrame(lines, schema=["economy", "outcome", *cases], orient="row"),
        {"outcome": "outcome", **cases},
        dict.fromkeys(cases, str),
        name="outcomes",
        caption="Change from the law before, in percent; revenue in USD a year; below each the range over other "
        "readings of the model. First the economies in question, then those that lose and gain most next. "
        f"{_about_prices(several[0])} {_about_jobs(several[0])}{_about_draws(several)}",
        group="economy",
    )


def _about_prices(case: Case) -> str:
    held = json.loads(case.variation.result.attrs["options"])["numeraire"]
    words = {"income": "labour income", "wages": "the mean wage", "prices": "the mean consumer price"}
    what = f"{words[held]} of the world" if held in words else f"the wage of {name_of(held)}"
    return f"Prices, exports and USD are measured with {what} unchanged."


def _about_jobs(case: Case) -> str:
    supply = json.loads(case.variation.result.attrs["options"]).get("labour_supply")
    if supply == 0:
        return (
            "Jobs are employment, held fixed here: labour moves between sectors, and none is gained or lost."
        )
    return (
        "Jobs are employment as it follows the real wage; where a reading holds it fixed, the change is zero."
    )


def _about_draws(several: Sequence[Case]) -> str:
    count = frames.count_draws(several)
    return (
        f" Drawn: what nine tenths of {count} draws of the trade elasticities lie between." if count else ""
    )


def _cell(row: frames.Row) -> str:
    """The value, and below it the range of the sensitivities and the band of the draws where they say more."""
    value, unit = row["value"], row["unit"]
    about = {"economy": row["economy"], "outcome": row["outcome"]}
    said = numbers.with_range(value, None, None, unit)
    lines = [exact(value, said, variant=f"{row['scenario']}/{row['variant']}", **about)]
    for words, low, high in (("", row["low"], row["high"]), ("drawn: ", row["q05"], row["q95"])):
        if low is not None and high is not None and numbers.with_range(value, low, high, unit) != said:
            text = f"{words}{numbers.ends(low, high, unit)}"
            lines.append(f'<small data-low="{low!r}" data-high="{high!r}">{text}</small>')
    return " ".join(lines)


def rates_table(several: Sequence[Case]) -> Layout | None:
    """Added rates by origin and case, for the focus and the largest partners; none where no law was asked."""
    laws = {c.label: c.variation.law for c in several if c.variation.law is not None}
    if not laws:
        return None
    first = next(iter(laws.values()))
    largest = first.sort("value_usd", descending=True)["origin"].head(LARGEST).to_list()
    focus = [c for c in several[0].outcome.scenario.focus if c in first["origin"].to_list()]
    before = dict(first.select("origin", "before_rate").iter_rows())
    after = [dict(law.select("origin", "after_rate").iter_rows()) for law in laws.values()]
    columns = {"before": "before", **{f"case{k}": label for k, label in enumerate(laws)}}
    lines = [
        (name_of(origin), *(exact(r[origin], numbers.rate(r[origin])) for r in (before, *after)))
        for origin in dict.fromkeys([*focus, *largest])
    ]
    return Layout(
        pl.DataFrame(lines, schema=["origin", *columns], orient="row"),
        {"origin": "origin", **columns},
        dict.fromkeys(columns, str),
        name="rates",
        caption="Points of duty that law adds since the ledger's year, as a share of customs value: before, and "
        "after by case; as entrepot rates --by origin prints them.",
    )
