"""Which column of a file is which column of a ledger."""

from __future__ import annotations

from pathlib import Path

from entrepot.errors import LedgerError

FACT = "fact."

ALIASES: dict[str, tuple[str, ...]] = {
    "importer": ("importer", "reporter"),
    "origin": ("origin", "partner", "exporter", "iso3", "country", "census_code"),
    "product": ("product", "hs10", "hts10", "hts", "hs8", "hts8", "hs6", "hs", "code"),
    "period": ("period", "year"),
    "date": ("date",),
    "value_usd": ("value_usd", "value"),
    "duty_usd": ("duty_usd", "duty"),
}
"""Names under which a column may come, the most telling first."""

REQUIRED = ("origin", "product", "value_usd")

_DESCRIPTIVE = {"census_code", "census_name", "partner_name", "country_name", "description"}
"""Columns that only repeat in other words what another column says; left out without a note."""


def choose(found: list[str], path: Path) -> tuple[dict[str, str], tuple[str, ...]]:
    """The file's column for each column of a ledger, and notes on the columns that aren't used.

    Names are compared without regard to case and outer blanks. Raises LedgerError if a required column is
    missing, or if two columns have the same name.
    """
    plain: dict[str, str] = {}
    for name in found:
        key = name.strip().lower() if not name.strip().lower().startswith(FACT) else name.strip()
        if key in plain:
            raise LedgerError(f"{path}: the columns {plain[key]!r} and {name!r} have the same name; keep one")
        plain[key] = name
    chosen = {
        column: next(plain[alias] for alias in aliases if alias in plain)
        for column, aliases in ALIASES.items()
        if any(alias in plain for alias in aliases)
    }
    missing = [column for column in REQUIRED if column not in chosen]
    if missing:
        wanted = "; ".join(f"{column} (or {', '.join(ALIASES[column][1:])})" for column in missing)
        raise LedgerError(f"{path}: no column for {wanted}; found {', '.join(found)}")
    chosen |= {key: name for key, name in plain.items() if key.startswith(FACT)}
    unused = [name for key, name in plain.items() if name not in chosen.values() and key not in _DESCRIPTIVE]
    notes = (f"columns not used: {', '.join(unused)}",) if unused else ()
    return chosen, notes
