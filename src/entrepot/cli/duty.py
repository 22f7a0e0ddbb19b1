"""`entrepot duty`: what one entry pays, by which law, and why."""

from __future__ import annotations

import re
import sys
from decimal import Decimal
from typing import TYPE_CHECKING, Annotated

import typer

from entrepot.cli.options import (
    AsKnownOption,
    BookOption,
    FactOption,
    ReadingOption,
    WithOption,
    asked,
    open_book,
)
from entrepot.cli.output import Format, FormatOption, OutOption, day, emit

if TYPE_CHECKING:
    import polars as pl

    from entrepot.law.duty import Duty

_MONEY = re.compile(r"(\d+|\d{1,3}(,\d{3})+)(\.\d+)?")
"""Digits with a decimal point; commas only between groups of three, so that 1.000,50 is never read as one dollar."""


def duty(
    product: Annotated[str, typer.Argument(help="HS or HTS code, 2 to 10 digits, with or without dots.")],
    origin: Annotated[str, typer.Option("--origin", help="Economy of origin: VNM, VN or Vietnam.")],
    on: Annotated[str, typer.Option("--on", help="Day of entry.", metavar="DATE")],
    value: Annotated[str, typer.Option("--value", help="Customs value in USD.")] = "100",
    book: BookOption = "us",
    overlays: WithOption = None,
    facts: FactOption = None,
    readings: ReadingOption = None,
    as_known: AsKnownOption = None,
    every: Annotated[
        bool, typer.Option("--all", help="Also list measures on other goods or origins.")
    ] = False,
    form: FormatOption = Format.table,
    out: OutOption = None,
) -> None:
    """What one entry pays: every measure considered, whether it applied, why, and what it adds."""
    from entrepot.law.duty import duty as duty_on

    law = open_book(book, overlays)
    answer = duty_on(
        law,
        product,
        origin,
        day(on),
        _money(value),
        **asked(facts, readings, as_known),
    )
    if form is Format.table and out is None:
        _print(answer, every=every)
    else:
        emit(_frame(answer, every=every or form is not Format.table), form, out)


def _money(text: str) -> Decimal:
    from entrepot.errors import LawError

    if not _MONEY.fullmatch(text):
        raise LawError(f"--value {text!r}: write the customs value in USD, e.g. 14172.00 or 14,172.00")
    return Decimal(text.replace(",", ""))


def _frame(answer: Duty, *, every: bool) -> pl.DataFrame:
    """One row per measure and outcome; the last row of each outcome is its total."""
    import polars as pl

    rows: list[tuple[object, ...]] = []
    for number, outcome in enumerate(answer.outcomes, 1):
        for line in outcome.considered:
            if every or line.applied or not line.out_of_scope:
                m = line.measure
                owed = None if line.duty_usd is None else float(line.duty_usd)
                rows.append(
                    (
                        number,
                        outcome.condition,
                        m.id,
                        m.title,
                        m.family,
                        line.applied,
                        line.rate,
                        owed,
                        line.reason,
                        m.reference,
                    )
                )
        total = None if outcome.total_usd is None else float(outcome.total_usd)
        rows.append(
            (number, outcome.condition, "total", answer.answer, "", None, outcome.total_rate, total, "", "")
        )
    columns = {
        "outcome": pl.Int64,
        "if": pl.String,
        "measure": pl.String,
        "title": pl.String,
        "family": pl.String,
        "applied": pl.Boolean,
        "added_rate": pl.Float64,
        "duty_usd": pl.Float64,
        "reason": pl.String,
        "reference": pl.String,
    }
    return pl.DataFrame(rows, schema=columns, orient="row")


def _print(answer: Duty, *, every: bool) -> None:
    from rich.console import Console
    from rich.table import Table

    from entrepot import economies, products

    console = Console(width=None if sys.stdout.isatty() else 140)
    name = products.name(answer.product)
    place = economies.economy(answer.origin).name if economies.is_economy(answer.origin) else answer.origin
    console.print(
        f"[bold]{answer.product}[/] {name}, from {place}, on {answer.on}, {answer.value_usd:,.2f} USD"
    )
    if answer.missing:
        console.print(
            f"[bold]unresolved[/]: it depends on {', '.join(answer.missing)}; {_how_to_give(answer.missing)}"
        )
        for outcome in answer.outcomes:
            console.print(f"  if {outcome.condition}: {_numbers(outcome.total_rate, outcome.total_usd)[0]} %")
    elif answer.answer == "ambiguous":
        console.print("[bold]ambiguous[/]: the text can be read in more than one way")
    for outcome in answer.outcomes:
        table = Table(
            title=f"If {outcome.condition}" if outcome.condition else None,
            title_justify="left",
            header_style="bold",
        )
        for column in ("measure", "why", "rate %", "USD"):
            table.add_column(
                column, justify="right" if column in ("rate %", "USD") else "left", overflow="fold"
            )
        for line in outcome.applied:
            table.add_row(
                f"{line.measure.title}\n[dim]{line.measure.reference}[/]",
                line.reason,
                *_numbers(line.rate, line.duty_usd),
            )
        table.add_section()
        table.add_row("[bold]Total[/]", "", *_numbers(outcome.total_rate, outcome.total_usd))
        rest = [line for line in outcome.considered if not line.applied and (every or not line.out_of_scope)]
        console.print(table)
        if rest:
            console.print("Considered and not applied:")
            for line in rest:
                console.print(f"  {line.measure.title} ({line.measure.id}): {line.reason}", highlight=False)


def _how_to_give(missing: tuple[str, ...]) -> str:
    ways = []
    if "product" in missing:
        ways.append("write all ten digits of the product")
    ways += [f"give --fact {name}={_EXAMPLES.get(name, '…')}" for name in missing if name != "product"]
    return "; ".join(ways)


_EXAMPLES = {
    "transshipped": "true or false",
    "programme": "NAME or none",
    "mfn": "0.029 (the schedule's rate)",
}


def _numbers(rate: float | None, usd: Decimal | None) -> tuple[str, str]:
    return ("unknown", "unknown") if rate is None or usd is None else (f"{rate * 100:.10g}", f"{usd:,.2f}")
