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
HIGHEST_FRACTION = 5.0
"""Above it a rate needs its percent sign: 20 for 20 percent is the commonest mistake there is."""

HIGHEST_RATE = 20.0
"""The highest rate that is taken for one, 2,000 percent."""


class _Row(NamedTuple):
    line: int
    importers: list[int]
    exporters: list[int]
    sectors: list[int]
    rate: float
    openness: tuple[int, int]  # how many wildcards, how many groups


def read_tariffs(path: Path, world: World, *, over: Float | None = None) -> xr.DataArray:
    """Tariffs (exporter, importer, sector) of a world with the rates of a file laid over it.

    Columns `importer,exporter[,sector],rate`; codes are the world's, or a group of economies (EU27); `*` or a
    missing sector stands for all. Rates are fractions (0.2) or percent with its sign (20%). Cells that no row
    names keep `over`, or the world's own duties. A row with fewer wildcards goes before one with more, and of
    two with as many the one with fewer groups.

    Raises `ShockError` naming file and line for unknown codes, rates that aren't, rows that stand twice or
    contradict each other.
    """
    rows = _rows(path, world)
    tariff = np.array(world.tariff.values if over is None else over)
    line_of, contradicts = np.zeros(tariff.shape, dtype=np.int32), np.zeros(tariff.shape, dtype=np.int32)
    for openness in sorted({row.openness for row in rows}, reverse=True):
        here = np.zeros(tariff.shape, dtype=np.int32)
        for row in (r for r in rows if r.openness == openness):
            cells = np.ix_(row.exporters, row.importers, row.sectors)
            home = np.asarray(row.exporters)[:, None, None] == np.asarray(row.importers)[None, :, None]
            # Of two rows as open the later stands, as long as no narrower one settles what they say.
            against = np.where(
                tariff[cells] != row.rate, here[cells], np.where(here[cells], contradicts[cells], 0)
            )
            for array, value in (
                (contradicts, against),
                (tariff, row.rate),
                (line_of, row.line),
                (here, row.line),
            ):
                array[cells] = np.where(home, array[cells], value)
    if contradicts.any():
        i, n, k = np.argwhere(contradicts)[0]
        raise ShockError(
            f"{path}: lines {contradicts[i, n, k]} and {line_of[i, n, k]} both set the tariff of "
            f"{world.economies[n]} on {world.economies[i]} in {world.sectors[k]}, to different rates; keep one, or "
            "write a row for that cell."
        )
    return world.tariff.copy(data=tariff)


def _rows(path: Path, world: World) -> list[_Row]:
    try:
        with path.open(newline="", encoding="utf-8-sig") as stream:
            reader = csv.DictReader(stream)
            have = [c.strip() for c in reader.fieldnames or []]
            given = [(reader.line_num, r) for r in reader]
    except OSError as error:
        raise ShockError(f"{path}: can't be read: {error.strerror}.") from None
    except (UnicodeDecodeError, csv.Error) as error:
        raise ShockError(f"{path}: can't be read as CSV: {error}.") from None
    missing = [c for c in COLUMNS if c != "sector" and c not in have]
    unknown = [c for c in have if c not in COLUMNS]
    if missing or unknown:
        what = f"lacks the column {missing[0]}" if missing else f"has a column {unknown[0]}"
        raise ShockError(
            f"{path}: {what}; columns are importer,exporter,rate and, if rates differ by it, sector."
        )
    if len(set(have)) < len(have):
        raise ShockError(f"{path}: a column stands twice in {','.join(have)}; keep one.")
    seen: dict[tuple[str, str, str], int] = {}
    rows = []
    for number, found in given:
        if None in found:
            raise ShockError(
                f"{path}, line {number}: more cells than columns, {','.join(found[None])!r} at the end; write rates "
                "with a point (0.2)."
            )
        cells = {k.strip(): (v or "").strip() for k, v in found.items()}
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
        (
            key.count("*"),
            sum(is_group(code) and code not in world.economies for code in (importer, exporter)),
        ),
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
    if not percent and HIGHEST_FRACTION < value <= 100:
        raise ShockError(
            f"{where}: rate {text}: {100 * value:,.0f} percent? Write {text}% for {text} percent, or "
            f"{100 * value:g}% if it is meant."
        )
    if not -1 < value <= HIGHEST_RATE:
        raise ShockError(
            f"{where}: rate {text}: a tariff is above -100 % and at most 2,000 %; rates are fractions, "
            "0.2 for 20 percent."
        )
    return value
