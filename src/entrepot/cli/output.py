"""Printing results: a table for people, CSV, JSON or Parquet for programs, from the same frame."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from datetime import date
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from entrepot.errors import EntrepotError
from entrepot.report.text import as_text

if TYPE_CHECKING:
    import polars as pl


class Format(StrEnum):
    """How a result is written."""

    table = "table"
    csv = "csv"
    json = "json"
    parquet = "parquet"


FormatOption = Annotated[Format, typer.Option("--format", help="How the result is written.")]
OutOption = Annotated[
    Path | None, typer.Option("--out", help="File to write to instead of the terminal.", show_default=False)
]


def day(text: str) -> date:
    """A date of the command line. Raises EntrepotError unless it is YYYY-MM-DD."""
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise EntrepotError(f"date {text!r}: write it as YYYY-MM-DD, e.g. 2025-08-07") from None


def emit(frame: pl.DataFrame, form: Format, out: Path | None, *, title: str = "") -> None:
    """Write a frame; a file's ending says the format if none was asked for.

    Raises EntrepotError if the file can't be written, or Parquet is to go to a terminal.
    """
    if out is not None and form is Format.table and out.suffix[1:] in (f.value for f in Format):
        form = Format(out.suffix[1:])
    if form is Format.parquet and out is None:
        raise EntrepotError("--format parquet: binary; give a file with --out FILE.parquet")
    if out is not None:
        _write(frame, form, out, title)
    elif form is Format.table:
        sys.stdout.write(as_text(frame, title))
    else:
        sys.stdout.write(_serialised(frame, form))


def note(lines: Iterable[str]) -> None:
    """What a reader of a result has to know, on stderr, so that it never mixes with the data."""
    for line in lines:
        sys.stderr.write(f"note: {line}\n")


def _write(frame: pl.DataFrame, form: Format, out: Path, title: str) -> None:
    with writing(out):
        if form is Format.parquet:
            frame.write_parquet(out)
        else:
            text = as_text(frame, title) if form is Format.table else _serialised(frame, form)
            out.write_text(text, encoding="utf-8")


@contextmanager
def writing(out: Path) -> Iterator[None]:
    """Say which file can't be written, and why."""
    try:
        yield
    except OSError as error:
        raise EntrepotError(f"{out}: can't be written: {error.strerror or error}") from None


def _serialised(frame: pl.DataFrame, form: Format) -> str:
    return frame.write_csv() if form is Format.csv else frame.write_json() + "\n"


@contextmanager
def working(on: str) -> Iterator[None]:
    """Say on a terminal's stderr what is being worked on, until it is done."""
    if not sys.stderr.isatty():
        yield
        return
    from rich.console import Console

    with Console(stderr=True).status(on):
        yield


def key_values(rows: Mapping[str, object]) -> str:
    """Names and values, one a line, aligned."""
    width = max(map(len, rows), default=0)
    return "".join(f"{name:<{width}}  {value}\n" for name, value in rows.items())
