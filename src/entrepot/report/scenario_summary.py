"""The answers of scenarios as a table for a terminal."""

from __future__ import annotations

from collections.abc import Sequence

import polars as pl

from entrepot.report import numbers
from entrepot.report import scenario_frames as frames
from entrepot.report.text import as_text
from entrepot.scenario.outcome import OUTCOMES, Outcome


def summary_text(outcomes: Sequence[Outcome]) -> str:
    """The answers for a terminal: a row for every variant."""
    several = frames.cases(outcomes)
    found = frames.by_key(frames.summary(several))
    exporter, importer = frames.hit_exporter(several), several[0].outcome.importer
    wanted = (
        (exporter, "real_income_pct"), (exporter, "exports_to_importer_pct"), (importer, "real_income_pct"),
        (importer, "prices_pct"), (importer, "revenue_change_usd"),
    )  # fmt: skip
    rows = []
    for case in several:
        law = case.variation.law
        mine = None if law is None else law.filter(pl.col("origin") == exporter)
        added = (
            ""
            if mine is None
            else f"{numbers.rate(_first(mine['before_rate']))} → {numbers.rate(_first(mine['after_rate']))}"
        )
        cells = []
        for economy, outcome in wanted:
            row = found[case.label, economy, outcome]
            cells.append(numbers.with_range(row["value"], row["low"], row["high"], row["unit"]))
        rows.append((case.outcome.scenario.name, case.variation.title, added, *cells))
    heads = ["scenario", "variant", f"added duty on {exporter}"]
    heads += [f"{e} {OUTCOMES[o].replace('the importer', importer)}" for e, o in wanted]
    frame = pl.DataFrame(rows, schema=heads, orient="row")
    return as_text(frame, "Change from the law before; in brackets the range of the scenario's sensitivities")


def _first(values: pl.Series) -> float | None:
    return float(values[0]) if len(values) else None
