"""Checking every row of a ledger: each check gives clean values and says which rows it rejects, and why."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import polars as pl

from entrepot import economies, products
from entrepot.errors import LedgerError, UnknownCode
from entrepot.ledger.columns import FACT

_UNBOUNDED_FACTS = ("quantity.", "mfn")
"""Facts that are no shares: quantities, and rates that can pass 100 %."""


@dataclass(frozen=True)
class Problem:
    """One kind of fault: `reasons` has a text for each row that has it, and is missing for the others."""

    kind: str
    reasons: pl.Series


@dataclass(frozen=True)
class Checked:
    """Clean columns in the ledger's order, with the faults found; a faulty row's values mean nothing."""

    table: pl.DataFrame
    problems: tuple[Problem, ...]


def check(raw: pl.DataFrame, importer: str) -> Checked:
    """Clean and check a table whose columns already have a ledger's names.

    Without a column `importer`, every line is one of `importer`'s. Raises LedgerError if a column's type
    can't hold what its name says; faults of rows are returned.
    """
    columns: list[pl.Series] = []
    problems: list[Problem] = []
    for name in _order(raw.columns):
        clean, found = _COLUMNS.get(name, _facts)(raw[name])
        columns.append(clean)
        problems += found
    table = pl.DataFrame(columns)
    if "importer" not in raw.columns:
        table = table.select(pl.lit(economies.find(importer)).alias("importer"), pl.all())
    problems += _duplicates(table)
    return Checked(table, tuple(problems))


def _order(names: list[str]) -> list[str]:
    return [n for n in _COLUMNS if n in names] + sorted(n for n in names if n not in _COLUMNS)


def _economies(raw: pl.Series) -> tuple[pl.Series, list[Problem]]:
    text = raw.cast(pl.String)
    clean: dict[str | None, str] = {}
    bad: dict[str | None, str] = {}
    for word in text.unique():
        if not (word or "").strip():
            bad[word] = f"{raw.name} is missing"
            continue
        try:
            clean[word] = economies.find(word)
        except UnknownCode as error:
            bad[word] = str(error)
    return _translated(text, clean), _named(f"unknown {raw.name}", text, bad)


def _products(raw: pl.Series) -> tuple[pl.Series, list[Problem]]:
    # Written out, a float ends in '.0', which `complaint` knows; else 7326.9 could pass for a code with dots.
    text = (
        raw.cast(pl.Int64, strict=False).cast(pl.String) + ".0"
        if raw.dtype.is_float()
        else raw.cast(pl.String)
    )
    words = text.unique()
    stripped = words.str.strip_chars()
    sound = stripped.str.contains(products.CODE).fill_null(False)
    digits = stripped.filter(sound).str.replace_all("[. ]", "")
    clean = dict(zip(words.filter(sound), digits, strict=True))
    misread = {
        word: f"product {word!r}: {products.complaint(word.strip())}" for word in words.filter(~sound) if word
    }
    misread |= {word: "product is missing" for word in words.filter(~sound) if not word}
    strange = set(products.unknown(digits))
    unknown = {word: _unknown_product(word) for word, code in clean.items() if code in strange}
    problems = _named("bad product code", text, misread) + _named("unknown product", text, unknown)
    return _translated(text, clean), problems


def _unknown_product(word: str) -> str:
    try:
        products.check(word)
    except UnknownCode as error:
        return str(error)
    raise AssertionError(word)


def _translated(text: pl.Series, clean: Mapping[Any, str]) -> pl.Series:
    """The clean code of each text; missing where there is none."""
    if len(clean) == text.n_unique() and all(old == new for old, new in clean.items()):
        return text
    return text.replace_strict(list(clean), list(clean.values()), default=None, return_dtype=pl.String)


def _named(kind: str, text: pl.Series, bad: Mapping[Any, str]) -> list[Problem]:
    if not bad:
        return []
    reasons = text.replace_strict(list(bad), list(bad.values()), default=None, return_dtype=pl.String)
    return [Problem(kind, reasons)]


def _periods(raw: pl.Series) -> tuple[pl.Series, list[Problem]]:
    text = raw.cast(pl.String)
    return text, list(_where("missing period", text.is_null(), "period is missing", raw))


def _dates(raw: pl.Series) -> tuple[pl.Series, list[Problem]]:
    if raw.dtype == pl.String:
        days = raw.str.strip_chars().str.to_date("%Y-%m-%d", strict=False)
    elif raw.dtype == pl.Date or isinstance(raw.dtype, pl.Datetime):
        days = raw.cast(pl.Date)
    else:
        raise LedgerError(f"column date holds {raw.dtype}; write dates as text, 2025-08-07")
    return days, list(_where("bad date", days.is_null(), "date {} isn't a day such as 2025-08-07", raw))


def _values(raw: pl.Series) -> tuple[pl.Series, list[Problem]]:
    values, problems = _amounts(raw)
    blank = raw.is_null() | _blank(raw)
    return values, [*problems, *_where(f"missing {raw.name}", blank, f"{raw.name} is missing", raw)]


def _amounts(raw: pl.Series) -> tuple[pl.Series, list[Problem]]:
    values, problems = _numbers(raw)
    problems += _where(f"negative {raw.name}", values < 0, f"{raw.name} {{}} is negative", raw)
    return values, problems


def _facts(raw: pl.Series) -> tuple[pl.Series, list[Problem]]:
    if raw.dtype == pl.String:
        raw = raw.replace({"true": "1", "false": "0", "True": "1", "False": "0"})
    values, problems = _numbers(raw)
    values = values.cast(pl.Float64)
    name = raw.name.removeprefix(FACT)
    share = not name.startswith(_UNBOUNDED_FACTS)
    outside = (values < 0) | (values > 1) if share else values < 0
    told = f"{raw.name} {{}} isn't " + ("a share between 0 and 1" if share else "zero or more")
    return values, [*problems, *_where("fact out of range", outside, told, raw)]


_COLUMNS: dict[str, Callable[[pl.Series], tuple[pl.Series, list[Problem]]]] = {
    "importer": _economies,
    "origin": _economies,
    "product": _products,
    "period": _periods,
    "date": _dates,
    "value_usd": _values,
    "duty_usd": _amounts,
}
"""How each column is cleaned and checked; the others are facts."""


def _numbers(raw: pl.Series) -> tuple[pl.Series, list[Problem]]:
    """Int64 if all values are whole numbers written as such, else Float64; missing stays missing."""
    if raw.dtype == pl.String:
        text = raw.str.strip_chars()
        whole = text.cast(pl.Int64, strict=False)
        given = raw.is_not_null() & ~_blank(raw)
        exact = given.any() and whole.is_not_null().sum() == given.sum()
        values = whole if exact else text.cast(pl.Float64, strict=False)
        told = f"{raw.name} '{{}}' isn't a number; write 1234.5, without separators of thousands or units"
        problems = list(_where(f"bad {raw.name}", given & values.is_null(), told, raw))
    elif raw.dtype.is_integer():
        values, problems = raw.cast(pl.Int64), []
    elif raw.dtype.is_numeric() or raw.dtype in (pl.Boolean, pl.Null):
        values, problems = raw.cast(pl.Float64), []
    else:
        raise LedgerError(f"column {raw.name} holds {raw.dtype}; it must hold numbers")
    if values.dtype == pl.Float64:
        problems += _where(
            f"bad {raw.name}", values.is_not_null() & ~values.is_finite(), f"{raw.name} is {{}}", raw
        )
    return values, problems


def _blank(raw: pl.Series) -> pl.Series:
    """Whether a text has nothing in it; no number is blank."""
    if raw.dtype == pl.String:
        return (raw.str.strip_chars() == "").fill_null(True)
    return pl.repeat(False, raw.len(), eager=True)


def _where(kind: str, bad: pl.Series, told: str, raw: pl.Series) -> Iterator[Problem]:
    """A problem with the text `told` for the rows where `bad` holds, if there are any."""
    if bad.any():
        text = pl.format(told, raw.cast(pl.String)) if "{}" in told else pl.lit(told)
        yield Problem(kind, pl.select(pl.when(bad.fill_null(False)).then(text)).to_series())


def _duplicates(table: pl.DataFrame) -> Iterator[Problem]:
    """Rows that have the same key as another; facts belong to it, for they can tell lines apart."""
    keys = [c for c in table.columns if not c.endswith("_usd")]
    named = [c for c in keys if not c.startswith(FACT)]
    rows = table.select(keys).with_row_index("row", offset=1).drop_nulls(["origin", "product"])
    twice = rows.filter(rows.select(keys).is_duplicated())
    if twice.is_empty():
        return
    others = twice.with_columns(pl.col("row").cast(pl.String).str.join(", ").over(keys).alias("same"))
    told = pl.format(f"rows {{}} have the same {', '.join(named)}: add them up or drop one", pl.col("same"))
    reasons = (
        table.select(pl.int_range(1, pl.len() + 1, dtype=pl.UInt32).alias("row"))
        .join(others.select("row", told.alias("reason")), on="row", how="left", maintain_order="left")
        .to_series(1)
    )
    yield Problem("duplicated key", reasons)
