"""Tariffs people write: CSV files of importer, exporter, perhaps sector, and rate, with `*` for any."""

import csv
from pathlib import Path
from typing import NamedTuple

import numpy as np
import xarray as xr

from entrepot.economies import ever_members, is_group
from entrepot.equilibrium.options import Float
from entrepot.errors import ShockError
from entrepot.world import World

COLUMNS = ("importer", "exporter", "sector", "rate")
HIGHEST_RATE = 20.0
"""A rate above 2,000 percent on a whole sector is taken for percent written as a fraction."""


class _Row(NamedTuple):
    line: int
    importers: list[int]
    exporters: list[int]
    sectors: list[int]
    rate: float
    wildcards: int


def read_tariffs(path: Path, world: World, *, over: Float | None = None) -> xr.DataArray:
    """Tariffs (exporter, importer, sector) of a world with the rates of a file laid over it.

    Columns `importer,exporter[,sector],rate`; codes are the world's, or a group of economies (EU27); `*` or a
    missing sector stands for all. Rates are fractions (0.2) or percent with its sign (20%). Cells that no row
    names keep `over`, or the world's own duties. A row with fewer wildcards goes before one with more.

    Raises `ShockError` naming file and line for unknown codes, rates that aren't, rows that stand twice or
    contradict each other.
    """
    rows = _rows(path, world)
    tariff = np.array(world.tariff.values if over is None else over)
    line_of = np.zeros(tariff.shape, dtype=np.int32)
    most_open = max((row.wildcards for row in rows), default=0)
    for wildcards in range(most_open, -1, -1):
        line_of[:] = 0
        for row in (r for r in rows if r.wildcards == wildcards):
            _lay(path, world, row, tariff, line_of)
    return world.tariff.copy(data=tariff)


def _lay(path: Path, world: World, row: _Row, tariff: Float, line_of: np.ndarray) -> None:
    """Write one row's rate; another row of the same wildcards may not have written a different one."""
    cells = np.ix_(row.exporters, row.importers, row.sectors)
    away = np.asarray(row.exporters)[:, None, None] != np.asarray(row.importers)[None, :, None]
    away = np.broadcast_to(away, tariff[cells].shape)
    clash = away & (line_of[cells] > 0) & (tariff[cells] != row.rate)
    if clash.any():
        at = np.argwhere(clash)[0]
        earlier = int(line_of[cells][tuple(at)])
        raise ShockError(
            f"{path}: lines {earlier} and {row.line} both set the tariff of "
            f"{world.economies[row.importers[at[1]]]} on {world.economies[row.exporters[at[0]]]} in "
            f"{world.sectors[row.sectors[at[2]]]}, to {tariff[cells][tuple(at)]:g} and {row.rate:g}; "
            "keep one, or write a row for that cell."
        )
    tariff[cells] = np.where(away, row.rate, tariff[cells])
    line_of[cells] = np.where(away, row.line, line_of[cells])


def _rows(path: Path, world: World) -> list[_Row]:
    try:
        with path.open(newline="", encoding="utf-8-sig") as stream:
            reader = csv.DictReader(stream)
            have = [c.strip() for c in reader.fieldnames or []]
            given = [
                {(k or "").strip(): (v or "").strip() for k, v in r.items() if isinstance(v, str | None)}
                for r in reader
            ]
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise ShockError(f"{path}: can't be read as CSV: {error}.") from None
    missing = [c for c in COLUMNS if c != "sector" and c not in have]
    unknown = [c for c in have if c not in COLUMNS]
    if missing or unknown:
        what = f"lacks the column {missing[0]}" if missing else f"has a column {unknown[0]}"
        raise ShockError(
            f"{path}: {what}; columns are importer,exporter,rate and, if rates differ by it, sector."
        )
    seen: dict[tuple[str, str, str], int] = {}
    rows = []
    for number, cells in enumerate(given, start=2):
        key = (cells["importer"], cells["exporter"], cells.get("sector", "*") or "*")
        if key in seen:
            raise ShockError(
                f"{path}, line {number}: {', '.join(key)} stands in line {seen[key]} already; keep one."
            )
        seen[key] = number
        rows.append(_row(f"{path}, line {number}", number, key, cells["rate"], world))
    return rows


def _row(where: str, number: int, key: tuple[str, str, str], rate: str, world: World) -> _Row:
    importer, exporter, sector = key
    if importer == exporter != "*":
        raise ShockError(f"{where}: {importer} taxes its own goods; there is no tariff on home sales.")
    sectors = list(range(len(world.sectors))) if sector == "*" else [_sector(where, sector, world)]
    return _Row(
        number,
        _economies(where, "importer", importer, world),
        _economies(where, "exporter", exporter, world),
        sectors,
        _rate(where, rate),
        key.count("*"),
    )


def _economies(where: str, column: str, code: str, world: World) -> list[int]:
    if code == "*":
        return list(range(len(world.economies)))
    if code in world.economies:
        return [world.economies.index(code)]
    members = [i for i, c in enumerate(world.economies) if is_group(code) and c in ever_members(code)]
    if not members:
        raise ShockError(
            f"{where}: {column} {code!r} is no economy of {world.name}, nor a group with members there; it has "
            f"{', '.join(world.economies[:60])}{' …' if len(world.economies) > 60 else ''}."
        )
    return members


def _sector(where: str, code: str, world: World) -> int:
    if code not in world.sectors:
        raise ShockError(
            f"{where}: {code!r} is no sector of {world.name}; it has {', '.join(world.sectors)}."
        )
    return world.sectors.index(code)


def _rate(where: str, text: str) -> float:
    percent = text.endswith("%")
    try:
        value = float(text.removesuffix("%")) / (100 if percent else 1)
    except ValueError:
        raise ShockError(
            f"{where}: rate {text!r}: write a fraction (0.2) or percent with its sign (20%)."
        ) from None
    if not -1 < value <= HIGHEST_RATE:
        raise ShockError(
            f"{where}: rate {text}: a tariff is above -100 % and at most 2,000 %; rates are fractions, "
            "0.2 for 20 percent."
        )
    return value
