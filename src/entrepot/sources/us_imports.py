"""A year of US imports for consumption from the Census Bureau's API, as a ledger.

Asked are first the partners with their totals, then each partner's 10-digit lines, and chapter by chapter
where a partner's are too many for one answer. The EU's members are asked for as one (code 0003) in the years
in which EU27 has members.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date

import polars as pl

from entrepot import economies
from entrepot.errors import LedgerError, UnknownCode
from entrepot.ledger.table import Ledger
from entrepot.sources.census import Census, CensusError, NoAnswerError

_PARTNER_COLUMNS = ("CTY_CODE", "CTY_NAME", "CON_VAL_YR", "CAL_DUT_YR", "SUMMARY_LVL")
_LINE_COLUMNS = ("I_COMMODITY", "CON_VAL_YR", "CAL_DUT_YR")
_DETAIL = "DET"
_EU = "0003"
_CHAPTERS = tuple(f"{chapter:02d}" for chapter in range(1, 100) if chapter != 77)
_WHOLE = 1e-3
"""Above this relative difference between a partner's lines and its total, lines must be missing."""

FIRST_YEAR = 2013

OnPage = Callable[[int, int, str], None]
"""Called with the pages had, the pages in all, and the name of the partner just had."""


@dataclass(frozen=True)
class Partner:
    """A partner of the year as the API lists it: Census code, name, and totals in USD."""

    code: str
    name: str
    value_usd: int
    duty_usd: int


def us_imports(census: Census, year: int, on_page: OnPage | None = None) -> Ledger:
    """The ledger of a year: importer, origin, product (10 digits), value_usd, duty_usd; sorted.

    A partner whose code names no economy stands as ROW, with a note. Raises CensusError if a page can't be
    had, and LedgerError if the year isn't covered or a partner's lines don't add up to its total.
    """
    if year < FIRST_YEAR:
        raise LedgerError(f"year {year}: the API's 10-digit lines begin in {FIRST_YEAR}")
    listed, notes = partners(census, year)
    frames = []
    for had, partner in enumerate(listed, start=1):
        lines = _lines(census, year, partner.code)
        what = f"the lines of partner {partner.code} ({partner.name})"
        notes += _compared(what, int(lines["value_usd"].sum()), partner.value_usd)
        try:
            origin = economies.by_census(partner.code)
        except UnknownCode:
            origin = "ROW"
            notes.append(
                f"partner {partner.code} ({partner.name}, {partner.value_usd:,} USD) names no economy: as ROW"
            )
        frames.append(lines.select(pl.lit("USA").alias("importer"), pl.lit(origin).alias("origin"), pl.all()))
        if on_page is not None:
            on_page(had, len(listed), partner.name)
    table = (
        pl.concat(frames)
        .group_by("importer", "origin", "product")
        .agg(pl.col("value_usd", "duty_usd").sum())
        .sort("origin", "product")
    )
    return Ledger(table, f"US imports {year} (Census Bureau, 10-digit lines)", tuple(notes))


def partners(census: Census, year: int) -> tuple[tuple[Partner, ...], list[str]]:
    """The partners to ask for, sorted by code: every one that sold, the EU's members as one; and notes.

    Raises CensusError if the year has no data, and LedgerError if partners are missing from the total.
    """
    page = census.page(f"{year}/partners", {"time": f"{year}-12"}, _PARTNER_COLUMNS)
    if not page:
        raise CensusError(
            f"{census.base_url}: no data for {year}-12; choose a year that is over and published"
        )
    found = [Partner(_text(row, "CTY_CODE"), _text(row, "CTY_NAME"), *_money(row)) for row in page]
    levels = [row["SUMMARY_LVL"] for row in page]
    single = [p for p, level in zip(found, levels, strict=True) if level == _DETAIL and p.code.isdigit()]
    notes = [
        note
        for total in (p.value_usd for p in found if p.code == "-")
        for note in _compared(f"the partners of {year}", sum(p.value_usd for p in single), total)
    ]
    union = next((p for p in found if p.code == _EU), None)
    members = _eu_codes(year)
    if union is not None and members:
        single = [union, *(p for p in single if p.code not in members)]
    return tuple(sorted((p for p in single if p.value_usd or p.duty_usd), key=lambda p: p.code)), notes


def _eu_codes(year: int) -> frozenset[str]:
    """Census codes of the EU's members at the end of a year; empty before it had its 27."""
    try:
        members = economies.members("EU27", date(year, 12, 31))
    except UnknownCode:
        return frozenset()
    return frozenset(code for member in members for code in economies.economy(member).census)


def _lines(census: Census, year: int, code: str) -> pl.DataFrame:
    """A partner's lines: product (10 digits), value_usd, duty_usd."""
    query = {"time": f"{year}-12", "COMM_LVL": "HS10", "CTY_CODE": code}
    try:
        page = census.page(f"{year}/{code}", query, _LINE_COLUMNS)
    except NoAnswerError:
        page = []
        for chapter in _CHAPTERS:
            part = query | {"I_COMMODITY": f"{chapter}*"}
            page += census.page(f"{year}/{code}-{chapter}", part, _LINE_COLUMNS)
    rows = [(_text(row, "I_COMMODITY"), *_money(row)) for row in page]
    schema = {"product": pl.String, "value_usd": pl.Int64, "duty_usd": pl.Int64}
    return pl.DataFrame(rows, schema=schema, orient="row")


def _compared(what: str, added: int, total: int) -> list[str]:
    """A note if parts don't add up to their total. Raises LedgerError if they are far from it."""
    if added == total:
        return []
    told = f"{what} add up to {added:,} USD, the API's total is {total:,}"
    if abs(added - total) > _WHOLE * total:
        raise LedgerError(f"{told}; delete the pages from the cache and run again")
    return [told]


def _money(row: dict[str, str | None]) -> tuple[int, int]:
    return _number(row, "CON_VAL_YR"), _number(row, "CAL_DUT_YR")


def _number(row: dict[str, str | None], column: str) -> int:
    text = row[column]
    try:
        return int(text or "")
    except ValueError:
        raise CensusError(f"the API sent {column} = {text!r}, which is no whole number, in {row}") from None


def _text(row: dict[str, str | None], column: str) -> str:
    text = row[column]
    if not text:
        raise CensusError(f"the API sent a row without {column}: {row}")
    return text
