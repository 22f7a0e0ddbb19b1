"""What every line of a ledger pays on one day, by measure: the parts add up to the whole."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date

import polars as pl

from entrepot.law.assess import compile_panel
from entrepot.law.book import Book
from entrepot.law.facts import Given
from entrepot.ledger import Ledger

SCHEMA = {
    "line": pl.UInt32,
    "measure": pl.String,
    "family": pl.String,
    "reason": pl.String,
    "rate": pl.Float64,
    "duty_usd": pl.Float64,
}


@dataclass(frozen=True)
class Assessment:
    """The lines of a ledger under the regime of a day.

    `lines` are those assessed: `line` (from 1), importer, origin, product, value_usd, `duty_usd` (all measures).
    `parts` has a row per line and measure that applies to it, with columns of `SCHEMA`: `rate` is what it adds
    as a fraction of the line's value, `duty_usd` the same in USD, `reason` how it is charged. A line that no
    measure reaches has no part and a duty of 0.
    """

    on: date
    lines: pl.DataFrame
    parts: pl.DataFrame
    notes: tuple[str, ...]


def assess(
    ledger: Ledger,
    book: Book,
    on: date,
    *,
    given: Sequence[Given] = (),
    readings: Mapping[str, str] | None = None,
    as_known: date | None = None,
) -> Assessment:
    """What every line pays on a day. Raises as `rates` does.

    Where a fact holds for a share of a line, its parts are weighted by that share. The general rate of a
    line is what its own duty shows, so that with a ledger's duties the parts are those of an observed year.
    """
    panel = compile_panel(
        ledger, book, [on], by=["line"], given=given, readings=readings, as_known=as_known, every_rate=True
    )
    hits, amounts = panel.charge(on)
    line, rows = panel.groups["line"], []
    for slot, hit in enumerate(hits):
        rows.append(
            pl.DataFrame(
                {
                    "line": line[panel.group[hit.cases]],
                    "measure": [hit.measure.id] * len(hit.cases),
                    "family": [hit.measure.family] * len(hit.cases),
                    "reason": [hit.measure.how()] * len(hit.cases),
                    "duty_usd": amounts.by_slot[slot, hit.cases] * panel.value[hit.cases],
                }
            )
        )
    charged = (
        pl.concat(rows) if rows else pl.DataFrame(schema={k: v for k, v in SCHEMA.items() if k != "rate"})
    )
    keys = ["line", "measure", "family", "reason"]
    parts = (
        charged.group_by(keys, maintain_order=True)
        .agg(pl.col("duty_usd").sum())
        .sort("line", maintain_order=True)
    )
    lines = panel.lines.select("line", "importer", "origin", "product", "value_usd")
    owed = parts.group_by("line").agg(pl.col("duty_usd").sum())
    lines = lines.join(owed, on="line", how="left", maintain_order="left").with_columns(
        pl.col("duty_usd").fill_null(0.0)
    )
    parts = parts.join(lines.select("line", "value_usd"), on="line", how="left", maintain_order="left")
    rate = pl.when(pl.col("value_usd") > 0).then(pl.col("duty_usd") / pl.col("value_usd"))
    return Assessment(on, lines, parts.with_columns(rate=rate).select(*SCHEMA), panel.notes)
