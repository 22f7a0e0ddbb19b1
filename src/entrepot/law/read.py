"""Reading books and overlays from files, with errors that say where and what would do."""

from __future__ import annotations

import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import date
from functools import cache
from pathlib import Path
from typing import Any, TypeVar

import polars as pl
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from entrepot.errors import LawError
from entrepot.law.book import Book, End, Family
from entrepot.law.facts import Fact, Kind
from entrepot.law.measure import FamilyName, Fraction, Measure
from entrepot.suggest import near

BOOKS = Path(__file__).parent
"""The folder of the books that come with the package."""

Model = TypeVar("Model", bound=BaseModel)


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", populate_by_name=True)


class FamilyEntry(_Part):
    """An entry `[[family]]` of book.toml."""

    name: FamilyName = Field(description="dotted from wide to narrow; measures may add narrower parts")
    title: str = Field(description="name for people, as `--by authority` shows it")
    about: str = ""


class EventEntry(_Part):
    """An entry `[[event]]` of book.toml: a day that pictures mark."""

    on: date
    title: str


class BookFile(_Part):
    """The file book.toml of a book's folder."""

    title: str
    importer: str = Field(description="the economy whose law this is")
    base_day: date = Field(description="last day of the law under which the ledger's own duties were paid")
    about: str = ""
    family: tuple[FamilyEntry, ...]
    event: tuple[EventEntry, ...] = ()


class FactEntry(_Part):
    """An entry `[[fact]]` of facts.toml or of an overlay."""

    name: str
    kind: Kind
    what: str = Field(description="what is claimed or found of a line")
    value: Fraction | None = Field(default=None, description="constant estimate for sums over ledgers")
    table: str | None = Field(default=None, description="file with product[, origin] and the fact")
    column: str | None = Field(default=None, description="column of that file; default: the fact's name")
    law: bool = Field(default=False, description="the table is law and serves single entries too")
    from_duty: bool = Field(
        default=False,
        description="a ledger's own duties show it: what was paid less the rest of the base day's law",
    )
    preferences: Mapping[str, tuple[str, ...]] = Field(
        default_factory=dict, description="of a rate: programmes that free goods of these origins from it"
    )
    elsewhere: tuple[str, ...] = Field(default=(), description="origins that the table isn't about")
    source: str = ""


class EndEntry(_Part):
    """An entry `[[end]]` of an overlay: a measure of the book ends on a day."""

    id: str
    on: date = Field(description="first day without the measure")
    published: date | None = Field(default=None, description="the day that became known; default: `on`")


class OverlayFile(_Part):
    """A what-if file: measures laid over a book, facts they need, and measures that end."""

    title: str = ""
    measure: tuple[dict[str, Any], ...] = Field(default=(), description="as in a book")
    fact: tuple[FactEntry, ...] = ()
    end: tuple[EndEntry, ...] = ()
    table: Mapping[str, Mapping[str, Fraction]] = Field(
        default_factory=dict, description="tables of rates by origin: [table.NAME] VNM = 0.2"
    )
    list: Mapping[str, tuple[str, ...]] = Field(
        default_factory=dict, description='product lists: [list] phones = ["851713"]'
    )


@cache
def read_book(folder: Path) -> Book:
    """Read a book: book.toml, facts.toml, measures in all other *.toml, lists/*.csv and rates/*.csv.

    Raises LawError naming file, measure and key if anything there is not as the models say.
    """
    folder = Path(folder)
    if not folder.is_dir():
        built_in = sorted(path.parent.name for path in BOOKS.glob("*/book.toml"))
        raise LawError(f"{folder}: no such folder; a book is a folder with a book.toml, or one of {built_in}")
    head_file = folder / "book.toml"
    if not head_file.exists():
        raise LawError(f"{folder}: has no book.toml, which names the book, its importer and its families")
    head = _validate(BookFile, _toml(head_file), head_file)
    facts_file = folder / "facts.toml"
    facts = _facts(_toml(facts_file), facts_file) if facts_file.exists() else {}
    measures: list[Measure] = []
    for path in sorted(folder.rglob("*.toml")):
        if path not in (head_file, facts_file):
            entries = _toml(path)
            if unknown := sorted(set(entries) - {"measure"}):
                raise LawError(
                    f"{path}: unknown key {unknown[0]!r}; a file of measures holds [[measure]] entries"
                )
            measures += _measures(entries.get("measure", []), path, head.importer)
    book = Book(
        title=head.title,
        importer=head.importer,
        base_day=head.base_day,
        families=tuple(Family(f.name, f.title, f.about) for f in head.family),
        measures=tuple(measures),
        lists=_lists(folder / "lists"),
        tables=_tables(folder / "rates"),
        facts=facts,
        events={entry.on: entry.title for entry in head.event},
        source=folder,
    )
    book.check()
    return book


def built_in(name: str) -> Book:
    """A book that comes with the package: `us`, `vn`, `us-2001`.

    Raises LawError if there is none of that name.
    """
    return read_book(BOOKS / name)


def find_book(name: str) -> Book:
    """The book in a folder or, where no such folder exists, the built-in one of that name.

    Raises LawError if there is neither.
    """
    return built_in(name) if not Path(name).is_dir() and (BOOKS / name).is_dir() else read_book(Path(name))


def lay_over_file(book: Book, path: Path) -> Book:
    """The book with the overlay in a TOML file laid over it.

    Raises LawError naming file, measure and key.
    """
    overlay = _validate(OverlayFile, _toml(path), path)
    if not (overlay.measure or overlay.end or overlay.fact or overlay.list or overlay.table):
        raise LawError(f"{path}: holds no [[measure]], [[end]] or [[fact]], so that it changes nothing")
    lists = {name: tuple(_digits(code, path) for code in codes) for name, codes in overlay.list.items()}
    named = replace(
        book,
        source=path,
        lists={**book.lists, **lists},
        tables={**book.tables, **overlay.table},
        facts={**book.facts, **_as_facts(overlay.fact, path)},
    )
    ends = [End(entry.id, entry.on, entry.published or entry.on) for entry in overlay.end]
    return replace(named.lay_over(_measures(overlay.measure, path, book.importer), ends), source=book.source)


def _toml(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise LawError(f"{path}: no such file") from None
    except IsADirectoryError:
        raise LawError(f"{path}: is a folder; a TOML file is wanted") from None
    except UnicodeDecodeError as error:
        raise LawError(
            f"{path}: not UTF-8 text ({error.reason} at byte {error.start}); save it as UTF-8"
        ) from None
    except tomllib.TOMLDecodeError as error:
        raise LawError(f"{path}: not valid TOML: {error}") from None


def _measures(entries: Iterable[Any], path: Path, importer: str) -> list[Measure]:
    measures = []
    if isinstance(entries, dict):
        raise LawError(f"{path}: `measure` is one table; write each measure as a [[measure]] entry")
    for number, entry in enumerate(entries, 1):
        if not isinstance(entry, dict):
            raise LawError(f"{path}: `measure` holds {entry!r}; write each measure as a [[measure]] entry")
        where = f"{path}: measure {entry.get('id', f'number {number}')!r}"
        measures.append(_validate(Measure, {"importer": importer, **entry}, where))
    return measures


def _validate(model: type[Model], data: Mapping[str, Any], where: object) -> Model:
    """Validate, or raise LawError that lists each key, what was found and what would do."""
    try:
        return model.model_validate(data)
    except ValidationError as error:
        raise LawError(f"{where}: {'; '.join(_complaint(item, model) for item in error.errors())}") from None


def _complaint(item: Any, model: type[BaseModel]) -> str:
    key = ".".join(str(part) for part in item["loc"]) or "entry"
    if item["type"] == "extra_forbidden":
        known = [field.alias or name for name, field in model.model_fields.items()]
        misspelt = str(item["loc"][-1])
        hint = near(misspelt, known) or (f"; known: {', '.join(known)}" if len(item["loc"]) == 1 else "")
        return f"unknown key {key!r}{hint}"
    if item["type"] == "missing":
        return f"key {key!r} is missing"
    message = str(item["msg"]).removeprefix("Value error, ")
    found = "" if isinstance(item["input"], dict) or "found" in message else f" (found {item['input']!r})"
    return f"{key}: {message}{found}"


def _facts(data: Mapping[str, Any], path: Path) -> dict[str, Fact]:
    if unknown := sorted(set(data) - {"fact"}):
        raise LawError(f"{path}: unknown key {unknown[0]!r}; facts.toml holds [[fact]] entries")
    if isinstance(data.get("fact"), dict):
        raise LawError(f"{path}: `fact` is one table; write each fact as a [[fact]] entry")
    entries = (
        _validate(FactEntry, entry, f"{path}: fact {entry.get('name', number)!r}")
        for number, entry in enumerate(data.get("fact", []), 1)
    )
    return _as_facts(entries, path)


def _as_facts(entries: Iterable[FactEntry], path: Path) -> dict[str, Fact]:
    facts = {}
    for entry in entries:
        table = path.parent / entry.table if entry.table else None
        if table is not None and not table.exists():
            raise LawError(f"{path}: fact {entry.name!r}: no file {table}")
        facts[entry.name] = Fact(
            entry.name,
            entry.kind,
            entry.what,
            entry.source,
            entry.value,
            table,
            entry.column or entry.name,
            entry.law,
            entry.from_duty,
            tuple(entry.preferences.items()),
            entry.elsewhere,
        )
    return facts


def _lists(folder: Path) -> dict[str, tuple[str, ...]]:
    """Lists of product prefixes: one a file, or several where a column `list` names them (file/name)."""
    lists: dict[str, tuple[str, ...]] = {}
    for path in sorted(folder.glob("*.csv")):
        frame = _csv(path, ("code",))
        if frame.is_empty():
            raise LawError(f"{path}: the list is empty; remove it, or say what is on it")
        names = frame["list"].unique(maintain_order=True) if "list" in frame.columns else [None]
        for name in names:
            part = frame if name is None else frame.filter(pl.col("list") == name)
            key = path.stem if name is None else f"{path.stem}/{name}"
            lists[key] = tuple(_checked(part["code"], path))
    return lists


def _tables(folder: Path) -> dict[str, dict[str, float]]:
    tables = {}
    for path in sorted(folder.glob("*.csv")):
        frame = _csv(path, ("origin", "rate"))
        tables[path.stem] = {
            o: _number(r, f"{path}: {o}") for o, r in zip(frame["origin"], frame["rate"], strict=True)
        }
    return tables


def _csv(path: Path, wanted: tuple[str, ...]) -> pl.DataFrame:
    try:
        frame = pl.read_csv(path, infer_schema=False, comment_prefix="#")
    except pl.exceptions.PolarsError as error:
        raise LawError(f"{path}: not a readable CSV file: {error}") from None
    if missing := [name for name in wanted if name not in frame.columns]:
        raise LawError(f"{path}: column {missing[0]!r} is missing; found {', '.join(frame.columns)}")
    return frame


_BAD_CODE = ~pl.col("code").str.contains(r"^(\d{2}|\d{4}|\d{6}|\d{8}|\d{10})$").fill_null(value=False)


def _checked(codes: pl.Series, path: Path) -> list[str]:
    bad = codes.to_frame("code").with_row_index("row", 2).filter(_BAD_CODE)
    if len(bad):
        row, code = bad.row(0)
        raise LawError(f"{path}: line {row}: {code!r} is no product code; write 2, 4, 6, 8 or 10 digits")
    return codes.to_list()


def _digits(code: str, path: Path) -> str:
    return _checked(pl.Series([code]), path)[0]


def _number(text: str, where: str) -> float:
    try:
        value = float(text)
    except (TypeError, ValueError):
        raise LawError(f"{where}: rate {text!r} is not a number; write a fraction, 0.20 for 20 %") from None
    if not 0 <= value <= 3:
        raise LawError(
            f"{where}: rate {text} is {value * 100:g} %: rates are fractions; write {value / 100:g}"
        )
    return value
