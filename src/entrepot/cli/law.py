"""`entrepot law`: what a book holds, and how it changes."""

from __future__ import annotations

import sys
from datetime import date
from typing import TYPE_CHECKING, Annotated

import typer

from entrepot.cli.options import AsKnownOption, BookOption, WithOption, day_or_none, open_book
from entrepot.cli.output import Format, FormatOption, OutOption, day, emit, key_values
from entrepot.errors import EntrepotError

if TYPE_CHECKING:
    import polars as pl

    from entrepot.law.book import Book
    from entrepot.law.measure import Measure

app = typer.Typer(help="What a book of law holds, and how it changes.", no_args_is_help=True)


@app.command()
def timeline(
    book: BookOption = "us",
    overlays: WithOption = None,
    as_known: AsKnownOption = None,
    form: FormatOption = Format.table,
    out: OutOption = None,
) -> None:
    """Every day on which the law changes, with what starts and what ends."""
    import polars as pl

    law, known = open_book(book, overlays), day_or_none(as_known)
    rows, before = [], set[tuple[str, date]]()
    for regime in law.regimes(known):
        now = {(m.id, m.from_) for m in regime.measures}
        starts, ends = (", ".join(sorted({i for i, _ in keys})) for keys in (now - before, before - now))
        if starts or ends:
            rows.append((regime.since, len(now), starts, ends))
        before = now
    schema = {"on": pl.Date, "in_force": pl.Int64, "starts": pl.String, "ends": pl.String}
    emit(pl.DataFrame(rows, schema=schema, orient="row"), form, out, title=law.title)


@app.command("list")
def list_(
    book: BookOption = "us",
    overlays: WithOption = None,
    on: Annotated[
        str | None, typer.Option("--on", help="Only what is in force on this day.", metavar="DATE")
    ] = None,
    family: Annotated[str | None, typer.Option("--family", help="Only this family, e.g. s232.")] = None,
    as_known: AsKnownOption = None,
    form: FormatOption = Format.table,
    out: OutOption = None,
) -> None:
    """The measures of a book, with their status on the day asked for (default: today, or the day known)."""
    from entrepot.law.measure import in_family

    law, known = open_book(book, overlays), day_or_none(as_known)
    measures = law.regime(day(on), known).measures if on else list(law.as_known(known))
    chosen = [m for m in measures if family is None or in_family(m.family, family)]
    if not chosen:
        raise EntrepotError(
            f"{law.title}: no measure{f' in family {family!r}' if family else ''}{f' on {on}' if on else ''}"
        )
    emit(_frame(chosen, day(on) if on else known or date.today(), known), form, out, title=law.title)


@app.command()
def show(
    measure: Annotated[str, typer.Argument(help="The id of a measure.", metavar="ID")],
    book: BookOption = "us",
    overlays: WithOption = None,
) -> None:
    """One measure with its reference, in all its dated versions."""
    law = open_book(book, overlays)
    blocks = [key_values(_facts_of(version)) for version in law.versions(measure)]
    sys.stdout.write("\n".join(blocks))


@app.command()
def diff(
    first: Annotated[str, typer.Argument(metavar="DATE")],
    second: Annotated[str, typer.Argument(metavar="DATE")],
    book: BookOption = "us",
    overlays: WithOption = None,
    as_known: AsKnownOption = None,
    form: FormatOption = Format.table,
    out: OutOption = None,
) -> None:
    """What changed in the law between two days."""
    import polars as pl

    law, known = open_book(book, overlays), day_or_none(as_known)
    old, new = (_in_force(law, day(text), known) for text in (first, second))
    until = day(second)
    changed = [(str(m.status_on(until, known)), m) for key, m in old.items() if key not in new]
    changed += [("new", m) for key, m in new.items() if key not in old]
    rows = [(change, m.id, m.title, str(m.rate), m.reference) for change, m in changed]
    schema = dict.fromkeys(("change", "id", "title", "rate", "reference"), pl.String)
    emit(
        pl.DataFrame(rows, schema=schema, orient="row"), form, out, title=f"{law.title}: {first} to {second}"
    )


def _in_force(law: Book, on: date, known: date | None) -> dict[tuple[str, date], Measure]:
    return {(m.id, m.from_): m for m in law.regime(on, known).measures}


def _frame(measures: list[Measure], on: date, known: date | None) -> pl.DataFrame:
    import polars as pl

    rows = [
        (
            m.id,
            m.title,
            m.family,
            m.from_,
            m.until_as_known(known),
            m.status_on(on, known),
            str(m.rate),
            m.reference,
        )
        for m in sorted(measures, key=lambda m: (m.from_, m.id))
    ]
    schema = {
        "id": pl.String,
        "title": pl.String,
        "family": pl.String,
        "from": pl.Date,
        "until": pl.Date,
        "status": pl.String,
        "rate": pl.String,
        "reference": pl.String,
    }
    return pl.DataFrame(rows, schema=schema, orient="row")


def _facts_of(m: Measure) -> dict[str, object]:
    """A measure for reading, empty fields left out."""
    fields = {
        "id": m.id,
        "title": m.title,
        "family": m.family,
        "importer": m.importer,
        "reference": m.reference,
        "published": m.published,
        "from": m.from_,
        "until": m.until,
        "end published": m.until_published,
        "status": m.status,
        "printed": "still in the printed schedule" if m.printed else "",
        "suspended": "; ".join(
            f"{s.from_} until {s.until or 'further notice'} ({s.reference})" for s in m.suspended
        ),
        "origins": _scope(m.origins.include, m.origins.exclude),
        "products": _scope(m.products.include, m.products.exclude),
        "when": " and ".join(map(str, m.when)),
        "portion": ""
        if m.portion is None
        else f"{'the rest beside ' if m.portion.rest else ''}{m.portion.fact}",
        "rate": m.rate,
        "unless": ", ".join(m.unless),
        "sets": ", ".join(m.sets),
        "order": m.order or "",
        "readings": "; ".join(
            f"{r.name}: sets {', '.join(r.sets) or 'nothing'}{_unless(r.unless)} ({r.reference})"
            for r in m.readings
        ),
        "note": m.note,
    }
    return {name: value for name, value in fields.items() if value not in (None, "")}


def _unless(families: tuple[str, ...]) -> str:
    return f", unless {', '.join(families)}" if families else ""


def _scope(include: tuple[str, ...], exclude: tuple[str, ...]) -> str:
    return ", ".join(include) + (f" without {', '.join(exclude)}" if exclude else "")
