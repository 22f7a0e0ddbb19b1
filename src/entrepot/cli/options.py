"""Options that several commands share, and what they open."""

from __future__ import annotations

import os
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, TypedDict

import typer

from entrepot.cli.output import day

if TYPE_CHECKING:
    from entrepot.law.book import Book
    from entrepot.law.facts import Given
    from entrepot.origin.content import Estimator

BookOption = Annotated[
    str,
    typer.Option("--book", help="Folder of a book of law, or the name of a built-in one (us, us-2001, vn)."),
]
WithOption = Annotated[
    list[Path] | None,
    typer.Option(
        "--with", help="What-if measures laid over the book (TOML); repeatable.", show_default=False
    ),
]
AsKnownOption = Annotated[
    str | None,
    typer.Option(
        "--as-known", help="Only what was published by this day.", metavar="DATE", show_default=False
    ),
]
ReadingOption = Annotated[
    list[str] | None,
    typer.Option("--reading", help="Settle an ambiguous measure: ID=NAME; repeatable.", show_default=False),
]
FactOption = Annotated[
    list[str] | None,
    typer.Option(
        "--fact",
        help="A fact: NAME=VALUE or NAME=ORIGIN:VALUE; repeatable.",
        metavar="FACT",
        show_default=False,
    ),
]
BillArgument = Annotated[Path, typer.Argument(help="Bill of materials (TOML).", metavar="BILL.toml")]
WorldOption = Annotated[
    str | None,
    typer.Option(
        "--world",
        help="Fill unknown content with industry averages of this world (reference-2023 or a file).",
        show_default=False,
    ),
]
ToOption = Annotated[
    str | None,
    typer.Option("--to", help="Economy that imports it: adds duty and landed cost.", show_default=False),
]
OnOption = Annotated[
    str | None, typer.Option("--on", help="Day of entry, with --to.", metavar="DATE", show_default=False)
]
BookOf = Annotated[
    str | None, typer.Option("--book", help="Book of law; default: that of --to.", show_default=False)
]


class Asked(TypedDict):
    """How the law is asked: what is given of the facts, how texts are read, by what was published when."""

    given: list[Given]
    readings: dict[str, str]
    as_known: date | None


def asked(facts: list[str] | None, readings: list[str] | None, as_known: str | None) -> Asked:
    """The options --fact, --reading and --as-known. Raises LawError or EntrepotError for an ill-written one."""
    return {
        "given": parse_facts(facts),
        "readings": parse_readings(readings),
        "as_known": day_or_none(as_known),
    }


def open_book(name: str, overlays: list[Path] | None) -> Book:
    """The book, with overlays laid over it in the order given. Raises LawError for a file that says nothing."""
    from entrepot.law.read import find_book, lay_over_file

    book = find_book(name)
    for path in overlays or []:
        book = lay_over_file(book, path)
    return book


def book_for(
    to: str | None, on: str | None, book: str | None, overlays: list[Path] | None
) -> tuple[Book | None, date | None]:
    """The book of an importer and the day. Raises EntrepotError for an importer or book without a day."""
    from entrepot import economies
    from entrepot.errors import EntrepotError

    when = day_or_none(on)
    if to is None and book is None:
        return None, when
    if when is None:
        raise EntrepotError("--to needs --on: law depends on the day; write e.g. --on 2025-10-01")
    name = book or economies.economy(economies.find(to or "")).alpha2.lower()
    return open_book(name, overlays), when


def estimator(world: str | None) -> Estimator | None:
    """Industry averages of a world, if one is named."""
    if world is None:
        return None
    from entrepot.origin.estimate import from_world

    return from_world(world)


def cache_folder(name: str) -> Path:
    """Where downloads of one kind are kept unless --cache says otherwise."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "entrepot" / name


def day_or_none(text: str | None) -> date | None:
    """A date of the command line, if one is given. Raises as `day` does."""
    return None if text is None else day(text)


def parse_facts(texts: list[str] | None) -> list[Given]:
    """NAME=VALUE pairs. Raises LawError for a text that is none."""
    from entrepot.law.facts import parse_given

    return [parse_given(text) for text in texts or []]


def parse_readings(texts: list[str] | None) -> dict[str, str]:
    """ID=NAME pairs. Raises LawError for a text that is none."""
    from entrepot.errors import LawError

    chosen = {}
    for text in texts or []:
        name, equals, reading = text.partition("=")
        if not equals:
            raise LawError(f"--reading {text!r}: write ID=NAME, e.g. ieepa-transshipment=in lieu of")
        chosen[name.strip()] = reading.strip()
    return chosen
