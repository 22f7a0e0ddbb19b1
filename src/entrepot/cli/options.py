"""Options that several commands share, and what they open."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from entrepot.law.book import Book

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


def open_book(name: str, overlays: list[Path] | None) -> Book:
    """The book, with overlays laid over it in the order given. Raises LawError for a file that says nothing."""
    from entrepot.law.read import find_book, lay_over_file

    book = find_book(name)
    for path in overlays or []:
        book = lay_over_file(book, path)
    return book


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
