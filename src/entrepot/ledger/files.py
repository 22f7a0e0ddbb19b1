"""Opening the file of a ledger: what kind it is, and what can be wrong before any row is looked at."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import polars as pl

from entrepot.errors import LedgerError

_CSV_ENDINGS = (".csv", ".txt")
_PARQUET_ENDINGS = (".parquet", ".pq")
_MAGIC = b"PAR1"
_UTF8_MARK = b"\xef\xbb\xbf"
_UTF16_MARKS = (b"\xff\xfe", b"\xfe\xff")
_OTHER_SEPARATORS = {";": "semicolons", "\t": "tabs", "|": "bars"}


@dataclass(frozen=True)
class RawTable:
    """A file's rows as they stand in it. `text` is None for Parquet; of a CSV all columns are text."""

    frame: pl.DataFrame
    text: str | None

    def lines(self, rows: Sequence[int]) -> dict[int, int]:
        """The line of the file on which each data row (from 1) ends; empty for Parquet."""
        if self.text is None:
            return {}
        wanted = set(rows)
        reader = csv.reader(io.StringIO(self.text))
        next(reader)
        filled = (reader.line_num for record in reader if record)
        return {row: line for row, line in enumerate(filled, start=1) if row in wanted}


def load(path: Path) -> RawTable:
    """Open a Parquet or CSV file by its content and ending.

    Raises LedgerError if there is no such file, if it is empty, broken, of another kind, in another encoding,
    separated by something else than commas, or has a header and no rows.
    """
    if not path.exists():
        raise LedgerError(f"{path}: there is no such file")
    if path.is_dir():
        raise LedgerError(f"{path} is a directory; give one Parquet or CSV file")
    data = path.read_bytes()
    if not data:
        raise LedgerError(f"{path}: the file is empty; a ledger has a header and rows")
    if data.startswith(_MAGIC) or path.suffix.lower() in _PARQUET_ENDINGS:
        raw = RawTable(_parquet(path, data), None)
    elif path.suffix.lower() in _CSV_ENDINGS:
        raw = _csv(path, data)
    elif data.startswith(b"PK"):
        raise LedgerError(f"{path} looks like a spreadsheet; save its sheet as CSV (UTF-8, commas)")
    else:
        raise LedgerError(f"{path}: the ending {path.suffix!r} is of no known kind; use .parquet or .csv")
    if raw.frame.is_empty():
        raise LedgerError(f"{path}: the ledger is empty: it has a header and no rows")
    return raw


def _parquet(path: Path, data: bytes) -> pl.DataFrame:
    if not data.startswith(_MAGIC):
        raise LedgerError(
            f"{path} is no Parquet file: it begins with {data[:4]!r}; if it is CSV, name it .csv"
        )
    if not data.endswith(_MAGIC):
        raise LedgerError(f"{path}: the Parquet file is truncated (its end is missing); copy it again")
    try:
        return pl.read_parquet(data)
    except (pl.exceptions.PolarsError, OSError) as error:
        raise LedgerError(
            f"{path}: the Parquet file is damaged ({_first_line(error)}); copy or write it again"
        ) from error


def _csv(path: Path, data: bytes) -> RawTable:
    text = _decoded(path, data)
    header = next(csv.reader(io.StringIO(text)), [])
    _separated_by_commas(path, text.split("\n", 1)[0])
    repeated = sorted({name for name in header if header.count(name) > 1})
    if repeated:
        raise LedgerError(f"{path}: the header names {', '.join(repeated)} more than once; keep one of each")
    try:
        frame = pl.read_csv(data, infer_schema=False)
    except pl.exceptions.NoDataError:
        raise LedgerError(f"{path}: the file holds only blanks; a ledger has a header and rows") from None
    except pl.exceptions.PolarsError as error:
        raise LedgerError(f"{path}: {_ragged(text, len(header)) or _first_line(error)}") from error
    # A blank line is a row of nothing to the reader, and no row to those who number them.
    return RawTable(frame.filter(~pl.all_horizontal(pl.all().is_null())), text)


def _decoded(path: Path, data: bytes) -> str:
    if data.startswith(_UTF8_MARK):
        raise LedgerError(
            f"{path} begins with a byte-order mark: a spreadsheet probably saved it as 'CSV UTF-8'; "
            "save it as plain UTF-8 CSV, without the mark"
        )
    if data.startswith(_UTF16_MARKS) or b"\0" in data[:200]:
        raise LedgerError(f"{path} is in UTF-16; save it as plain UTF-8 CSV")
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise LedgerError(
            f"{path}, line {line}: byte 0x{data[error.start]:02x} is no UTF-8; the file is probably in "
            "Latin-1 (Windows-1252): save it as UTF-8 CSV"
        ) from error


def _separated_by_commas(path: Path, header: str) -> None:
    for mark, name in _OTHER_SEPARATORS.items():
        if header.count(mark) > header.count(","):
            raise LedgerError(
                f"{path} is separated by {name} (found {mark!r} in the header); save it with commas, and "
                "with decimal points in numbers"
            )


def _ragged(text: str, width: int) -> str:
    """Say which line has more fields than the header; empty if none has."""
    reader = csv.reader(io.StringIO(text))
    for record in reader:
        if len(record) > width:
            return (
                f"line {reader.line_num} has {len(record)} fields, the header {width}: perhaps a number with "
                "a comma in it (write 1234.5, not 1,234.5 or 1234,5)"
            )
    return ""


def _first_line(error: Exception) -> str:
    return str(error).strip().split("\n", 1)[0].rstrip(".")
