"""How far each thing that is assumed of a ledger moves the total: the duty under each possibility."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import date

import polars as pl

from entrepot.law.assess import compile_panel
from entrepot.law.book import Book
from entrepot.law.facts import Given
from entrepot.ledger import Ledger

SCHEMA = {
    "on": pl.Date,
    "fact": pl.String,
    "none_rate": pl.Float64,
    "assumed_rate": pl.Float64,
    "all_rate": pl.Float64,
}


def assumptions(
    ledger: Ledger,
    book: Book,
    *,
    on: Sequence[date],
    given: Sequence[Given] = (),
    readings: Mapping[str, str] | None = None,
    as_known: date | None = None,
) -> pl.DataFrame:
    """The total rate on each day if an estimated fact held nowhere, as estimated, and everywhere.

    One row per day and fact, each fact moved alone, all lines together; columns of `SCHEMA`, rates as
    fractions. Facts that don't matter on a day are left out. Raises as `rates` does.
    """

    def total(day: date, law: Book) -> tuple[float, tuple[str, ...]]:
        panel = compile_panel(ledger, law, [day], given=given, readings=readings, as_known=as_known)
        return panel.table([day])["total_rate"][0], panel.estimated

    rows = []
    for day in on:
        assumed, estimated = total(day, book)
        for fact in estimated:
            none, everywhere = (total(day, _estimating(book, fact, share))[0] for share in (0.0, 1.0))
            if none != assumed or everywhere != assumed:
                rows.append((day, fact, none, assumed, everywhere))
    return pl.DataFrame(rows, schema=SCHEMA, orient="row")


def _estimating(book: Book, fact: str, share: float) -> Book:
    """The book with another estimate of one fact; what is given or in the ledger stays as it is."""
    estimate = replace(book.facts[fact], value=share, table=None)
    return replace(book, facts={**book.facts, fact: estimate})
