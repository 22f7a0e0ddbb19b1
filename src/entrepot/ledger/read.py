"""Reading a ledger from a file: every row is checked, and a rejected one is reported or set aside."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import polars as pl

from entrepot.errors import LedgerError
from entrepot.ledger.checks import Checked, check
from entrepot.ledger.columns import choose
from entrepot.ledger.files import RawTable, load
from entrepot.ledger.table import Ledger

_SHOWN = 10
_LONGEST = 300
_TOLERANCE = 1e-12


def read(path: Path | str, *, importer: str = "USA", rejected: Path | str | None = None) -> Ledger:
    """Read and check a ledger from a Parquet or CSV file.

    Columns may come under their common other names (partner, hs10, value, ...; see `columns.ALIASES`);
    `importer` serves where the file has no such column. Rows that can't be used end the reading, unless
    `rejected` names a CSV file to set them aside in (row, line, reason and the file's own columns).

    Raises LedgerError if the file can't be opened or understood, if a row can't be used and `rejected`
    isn't given, or if no row is left. Raises UnknownCode if `importer` names no economy.
    """
    path = Path(path)
    raw = load(path)
    chosen, notes = choose(raw.frame.columns, path)
    try:
        checked = check(
            raw.frame.select(pl.col(name).alias(column) for column, name in chosen.items()), importer
        )
    except LedgerError as error:
        raise LedgerError(f"{path}: {error}") from error
    table = checked.table
    if checked.problems:
        reasons = _reasons(checked)
        if rejected is None:
            raise LedgerError(_refusal(path, raw, checked, reasons))
        table = table.filter(reasons.is_null())
        notes = (*notes, _set_aside(path, Path(rejected), raw, checked, reasons))
    elif rejected is not None:
        _rejected_rows(raw, pl.Series(dtype=pl.String)).write_csv(Path(rejected))
    ledger = Ledger(table, str(path), notes)
    return replace(ledger, notes=(*notes, *_overlap_notes(ledger)))


def _reasons(checked: Checked) -> pl.Series:
    """Why each row is rejected, all its faults together; missing for a sound row."""
    frame = pl.DataFrame([p.reasons.alias(str(i)) for i, p in enumerate(checked.problems)])
    joined = pl.concat_str(pl.all(), separator="; ", ignore_nulls=True)
    return frame.select(pl.when(joined != "").then(joined).alias("reason")).to_series()


def _counts(checked: Checked) -> str:
    return ", ".join(f"{p.reasons.count()} {p.kind}" for p in checked.problems)


def _refusal(path: Path, raw: RawTable, checked: Checked, reasons: pl.Series) -> str:
    rows = (reasons.is_not_null().arg_true() + 1).to_list()
    lines = raw.lines(rows[:_SHOWN])
    shown = "; ".join(
        f"row {row}{f' (line {lines[row]})' if row in lines else ''}: {_short(reasons[row - 1])}"
        for row in rows[:_SHOWN]
    )
    more = f"; and {len(rows) - _SHOWN} more" if len(rows) > _SHOWN else ""
    return (
        f"{path}: {len(rows)} of {reasons.len()} rows can't be used ({_counts(checked)}). {shown}{more}. "
        "Mend them, or set them aside in a file and go on (--set-aside FILE)"
    )


def _short(reason: str) -> str:
    return reason if len(reason) <= _LONGEST else reason[: _LONGEST - 3] + "..."


def _set_aside(path: Path, rejected: Path, raw: RawTable, checked: Checked, reasons: pl.Series) -> str:
    """Write the rejected rows; say how many and how much.

    Raises LedgerError if no row is left, or the file can't be written.
    """
    bad = reasons.is_not_null()
    try:
        _rejected_rows(raw, reasons).write_csv(rejected)
    except OSError as error:
        raise LedgerError(
            f"{rejected}: rejected rows can't be written there: {error.strerror or error}"
        ) from None
    if bad.all():
        raise LedgerError(f"{path}: no row can be used ({_counts(checked)}); the reasons stand in {rejected}")
    values = checked.table["value_usd"].cast(pl.Float64)
    usable = values.is_finite().fill_null(False)
    total, aside, kept = (float(values.filter(usable & mask).sum()) for mask in (bad | ~bad, bad, ~bad))
    if abs(total - aside - kept) > _TOLERANCE * max(abs(total), 1.0):
        raise LedgerError(f"{path}: {total!r} USD came in, {kept!r} were kept and {aside!r} set aside")
    without = (bad & ~usable).sum()
    unknown = f", {without} of them without a usable value" if without else ""
    return (
        f"{bad.sum()} of {reasons.len()} rows ({aside:,.0f} of {total:,.0f} USD{unknown}) were set aside "
        f"in {rejected}: {_counts(checked)}"
    )


def _rejected_rows(raw: RawTable, reasons: pl.Series) -> pl.DataFrame:
    """Columns row, line (of a CSV), reason, and those of the file."""
    rows = (reasons.is_not_null().arg_true() + 1).to_list()
    lines = raw.lines(rows)
    return pl.DataFrame(
        {
            "row": pl.Series(rows, dtype=pl.Int64),
            "line": pl.Series([lines.get(row) for row in rows], dtype=pl.Int64),
            "reason": reasons.drop_nulls(),
        }
    ).hstack(
        raw.frame[[row - 1 for row in rows]].rename(
            {c: f"{c} (file)" for c in _CLASHING & {*raw.frame.columns}}
        )
    )


_CLASHING = {"row", "line", "reason"}


def _overlap_notes(ledger: Ledger) -> list[str]:
    return [
        f"{member} also stands inside {group}: sums that don't list origins leave its {value:,.0f} USD out, "
        "so that no trade counts twice"
        for _, member, group, value in ledger.overlaps().iter_rows()
    ]
