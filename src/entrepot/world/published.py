"""Readers of published world tables, by label: OECD ICIO, ADB MRIO and WIOD 2016, and what pymrio parses.

Every reader ends in `assemble`, which checks the totals that the table prints against its own sums. Editions
rename rows and split economies by processing regime; what was found is named in `edition`.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from entrepot.errors import WorldError
from entrepot.world.checks import Float
from entrepot.world.table import World, dataset

PRINTED = 2e-3
"""How far sums may be from printed totals, relative to the total: tables are rounded to a few digits."""

SPLIT = {"CN1": "CHN", "CN2": "CHN", "MX1": "MEX", "MX2": "MEX"}
"""Parts of China and Mexico in the OECD's extended tables (processing exporters and others), merged
on reading.
"""

ICIO_FINAL = {
    "HFCE",
    "NPISH",
    "NPS",
    "GGFC",
    "GFCF",
    "INVNT",
    "INV",
    "DPABR",
    "DIRP",
    "P33",
    "FD",
    "DISC",
    "HC",
    "GC",
    "NP",
}
ICIO_OUTPUT = {"OUT", "OUTPUT", "TOTAL"}
ICIO_ADDED = {"VA", "VALU"}


@dataclass(frozen=True)
class Printed:
    """A table as it was printed: use (row, column), final (row, economy), and totals where given, all in one
    unit.

    `rows` are (economy, sector) of rows and columns alike; `economies` those of `final`; `unit` is USD per
    unit.
    """

    rows: Sequence[tuple[str, str]]
    economies: Sequence[str]
    use: Float
    final: Float
    value_added: Float
    output: Float | None
    unit: float
    attrs: dict[str, str | int]


def assemble(printed: Printed, path: Path) -> World:
    """The world of a printed table: economies and sectors in order of appearance, missing pairs as idle
    sectors.

    Output is what a row sells; what inputs and printed value added leave of it (taxes less subsidies,
    margins) is `taxes`. Raises `WorldError` naming the row whose sum misses its printed total, or an economy
    without final demand.
    """
    places = list(dict.fromkeys(i for i, _ in printed.rows))
    kinds = list(dict.fromkeys(s for _, s in printed.rows))
    if missing := sorted(set(places) ^ set(printed.economies)):
        raise WorldError(f"{path}: {', '.join(missing)} stand among rows or final demand, not among both.")
    at = np.array([places.index(i) * len(kinds) + kinds.index(s) for i, s in printed.rows])
    if len(set(at.tolist())) < len(at):
        twice = printed.rows[int(np.argmax(np.bincount(at)[at] > 1))]
        raise WorldError(f"{path}: {' '.join(twice)} is given twice.")
    n, s = len(places), len(kinds)
    Z = np.zeros((n * s, n * s))
    Z[np.ix_(at, at)] = printed.use
    F = np.zeros((n * s, n))
    F[np.ix_(at, np.array([places.index(c) for c in printed.economies]))] = printed.final
    added = np.zeros(n * s)
    added[at] = printed.value_added
    sold = Z.sum(axis=1) + F.sum(axis=1)
    if printed.output is not None:
        gap = np.abs(sold[at] - printed.output) - PRINTED * np.abs(printed.output)
        if (worst := int(np.argmax(gap))) >= 0 and gap[worst] > 1e-9 * np.abs(sold).max():
            raise WorldError(
                f"{path}: row {' '.join(printed.rows[worst])} sums to {sold[at][worst]:,.6g}, its printed output is "
                f"{printed.output[worst]:,.6g}; is the file complete, and of one edition?"
            )
    left = sold - Z.sum(axis=0) - added
    over = (np.abs(left) > 0.5 * np.abs(sold)) & (np.abs(left) > 1e-4 * np.abs(sold).mean())
    if over.any():
        worst = int(np.argmax(np.abs(left) * over))
        raise WorldError(
            f"{path}: {places[worst // s]} {kinds[worst % s]} sells {sold[worst]:,.6g}, but its inputs and "
            f"value added are {sold[worst] - left[worst]:,.6g}: rows and columns don't belong together."
        )
    shape = (n, s)
    unit = printed.unit
    return World(
        dataset(
            places,
            kinds,
            {
                "intermediate": unit * Z.reshape(n, s, n, s),
                "final": unit * F.reshape(n, s, n),
                "value_added": unit * added.reshape(shape),
                "taxes": unit * left.reshape(shape),
            },
            **printed.attrs,
        )
    )


def read_icio(path: Path) -> World:
    """OECD inter-country input-output table (CSV, millions of USD), editions 2016 to 2025.

    Labels are ECONOMY_SECTOR, final demand ECONOMY_CATEGORY (turned round in 2016); value added is `VA` or
    `VALU`, output `OUT`, `OUTPUT` or `TOTAL`. The parts of China and Mexico in extended tables are merged.

    Raises `WorldError` where a label, row or total is missing or sums miss their totals.
    """
    try:
        table = pl.read_csv(path, infer_schema_length=None, truncate_ragged_lines=False)
        label = table.columns[0]
        names = [str(x) for x in table[label]]
        values = table.drop(label).select(pl.all().cast(pl.Float64).fill_null(0.0)).to_numpy()
    except (OSError, pl.exceptions.PolarsError) as error:
        raise WorldError(f"{path}: can't be read as an ICIO table: {error}. Is the file complete?") from None
    columns = table.columns[1:]
    added_row = _one(path, names, ICIO_ADDED, "value added (VA or VALU)")
    output_row = _one(path, names, ICIO_OUTPUT, "output (OUT, OUTPUT or TOTAL)")
    industry = [k for k, c in enumerate(columns) if _icio_final(c) is None and c not in ICIO_OUTPUT]
    order = {n: k for k, n in enumerate(names)}
    if missing := [columns[k] for k in industry if columns[k] not in order]:
        raise WorldError(
            f"{path}: no row for the column {missing[0]} ({len(missing)} such); is the file cut short?"
        )
    at = [order[columns[k]] for k in industry]
    final = [(k, str(_icio_final(c))) for k, c in enumerate(columns) if _icio_final(c) not in (None, "")]
    labels = [_parts(path, columns[k]) for k in industry]
    merged = list(dict.fromkeys((SPLIT.get(i, i), s) for i, s in labels))
    group = np.array([merged.index((SPLIT.get(i, i), s)) for i, s in labels])
    member = np.zeros((len(labels), len(merged)))
    member[np.arange(len(labels)), group] = 1
    places = list(dict.fromkeys(SPLIT.get(e, e) for _, e in final))
    to_place = np.zeros((len(final), len(places)))
    to_place[np.arange(len(final)), [places.index(SPLIT.get(e, e)) for _, e in final]] = 1
    split = sorted({i for i, _ in labels} & set(SPLIT))
    edition = _icio_edition(names, labels) + (f", extended ({' '.join(split)} merged)" if split else "")
    printed = Printed(
        rows=merged,
        economies=places,
        use=member.T @ values[np.ix_(at, industry)] @ member,
        final=member.T @ values[np.ix_(at, [k for k, _ in final])] @ to_place,
        value_added=member.T @ values[added_row, industry],
        output=member.T @ values[output_row, industry],
        unit=1e6,
        attrs=_of_file(path) | {"source": "OECD ICIO", "edition": edition, "licence": "CC BY 4.0"},
    )
    return assemble(printed, path)


def read_sheet(path: Path, *, source: str = "") -> World:
    """ADB MRIO (xlsx) or WIOD 2016 (xlsb): one sheet with economy and industry codes above and beside the
    numbers.

    Industries are marked c1, c2, … above and c or r beside; final demand is F1 to F5, or marks beyond the
    last industry. Value added is the row marked VA or r64 or named so, output GO or r69. Millions of USD.
    Needs the extra `mrio`. Raises `WorldError` where marks or totals are missing or sums miss their totals.
    """
    try:
        import fastexcel  # noqa: PLC0415 (an extra)

        sheet = fastexcel.read_excel(path).load_sheet(0, header_row=None, dtypes="string").to_polars()
    except ImportError:
        raise WorldError(
            f"{path}: reading spreadsheets needs the extra: pip install 'entrepot[mrio]'."
        ) from None
    except Exception as error:  # calamine raises its own kinds for damaged files
        raise WorldError(f"{path}: can't be read as a spreadsheet: {error}.") from None
    cells = np.array(
        [["" if v is None else str(v).strip() for v in row] for row in sheet.iter_rows()], dtype=object
    )
    mark = np.vectorize(lambda v: bool(re.fullmatch(r"[cr]\d+", v)))(cells)
    if mark.sum() < 4:
        raise WorldError(
            f"{path}: no industry marks (c1, c2, …) found; is it an ADB MRIO or WIOD 2016 table?"
        )
    head, side = int(mark.sum(axis=1).argmax()), int(mark.sum(axis=0).argmax())
    place = np.vectorize(lambda v: bool(re.fullmatch(r"[A-Z]{3}|RoW|ROW", v)) and v not in ("TOT", "GO"))(
        cells
    )
    above = int(place[: head + 4].sum(axis=1).argmax())
    beside = int(place[:, : side + 4].sum(axis=0).argmax())
    rows = [r for r in range(len(cells)) if mark[r, side] and place[r, beside]]
    last = max(int(cells[r, side][1:]) for r in rows)
    used = [
        c
        for c in range(cells.shape[1])
        if mark[head, c] and place[above, c] and int(cells[head, c][1:]) <= last
    ]
    final = [
        c
        for c in range(cells.shape[1])
        if place[above, c] and c not in used and (mark[head, c] or re.fullmatch(r"F\d", cells[head, c]))
    ]
    labels = [(cells[r, beside].upper(), "c" + cells[r, side][1:]) for r in rows]
    if labels != [(cells[above, c].upper(), "c" + cells[head, c][1:]) for c in used] or not final:
        raise WorldError(
            f"{path}: industries above ({len(used)}) and beside ({len(rows)}) differ, or no final demand."
        )
    places = list(dict.fromkeys(cells[above, c].upper() for c in final))
    to_place = np.zeros((len(final), len(places)))
    to_place[np.arange(len(final)), [places.index(cells[above, c].upper()) for c in final]] = 1
    numbers = _numbers(path, cells, [*rows], [*used, *final])
    added = _bottom(
        path, cells, rows, used, side, ("VA", "r64", "value added at basic prices"), "value added"
    )
    output = _bottom(
        path, cells, rows, used, side, ("GO", "r69", "output at basic prices", "total output"), "output"
    )
    adb = bool(re.fullmatch(r"F\d", cells[head, final[0]]))
    printed = Printed(
        rows=labels,
        economies=places,
        use=numbers[:, : len(used)],
        final=numbers[:, len(used) :] @ to_place,
        value_added=added,
        output=output,
        unit=1e6,
        attrs=_of_file(path)
        | {"source": source or ("ADB MRIO" if adb else "WIOD 2016"), "edition": path.stem},
    )
    return assemble(printed, path)


def from_pymrio(system: Any, *, source: str, unit: float = 1e6, value_added: Sequence[str] = ()) -> World:
    """A world from what pymrio parsed (WIOD 2013, EXIOBASE 3, Eora26, GLORIA): its Z, Y and, where named,
    value added.

    `unit` is USD per unit of the table (EXIOBASE is in millions of euro: give the rate). Value added is the
    sum of the named rows of its factor inputs, or all that inputs leave of output. Raises `WorldError` where
    a named row is not there, and what `assemble` raises.
    """
    Z, Y = system.Z, system.Y
    rows = [(str(i), str(s)) for i, s in Z.index]
    places = list(dict.fromkeys(str(c) for c in Y.columns.get_level_values(0)))
    sold = Z.to_numpy().sum(axis=1) + Y.to_numpy().sum(axis=1)
    added = sold - Z.to_numpy().sum(axis=0)
    if value_added:
        factors = system.factor_inputs.F if hasattr(system, "factor_inputs") else system.impacts.F
        if missing := [v for v in value_added if v not in factors.index]:
            raise WorldError(
                f"{source}: no factor input {missing[0]}; there are {', '.join(map(str, factors.index[:20]))}."
            )
        added = factors.loc[list(value_added)].to_numpy().sum(axis=0)
    printed = Printed(
        rows=rows,
        economies=places,
        use=Z.to_numpy(dtype=np.float64),
        final=Y.T.groupby(level=0, sort=False).sum().T.to_numpy(dtype=np.float64),
        value_added=added,
        output=None,
        unit=unit,
        attrs={
            "name": source,
            "source": source,
            "edition": str(getattr(system.meta, "version", "") or "not said"),
        },
    )
    return assemble(printed, Path(source))


def _one(path: Path, names: Sequence[str], wanted: set[str], what: str) -> int:
    found = [k for k, name in enumerate(names) if name in wanted]
    if len(found) != 1:
        raise WorldError(f"{path}: {len(found)} rows of {what} found, one is needed; is the file cut short?")
    return found[0]


def _parts(path: Path, label: str) -> tuple[str, str]:
    place, bar, sector = label.partition("_")
    if not bar:
        raise WorldError(f"{path}: column {label}: neither ECONOMY_SECTOR nor final demand nor a total.")
    return place, sector


def _icio_final(column: str) -> str | None:
    """The economy of a column of final demand, `""` for the world's discrepancy, None for another column."""
    if column in ICIO_FINAL:
        return ""
    first, _, second = column.partition("_")
    if second in ICIO_FINAL:
        return first
    return second if first in ICIO_FINAL else None  # turned round in the 2016 edition


def _icio_edition(names: Sequence[str], labels: Sequence[tuple[str, str]]) -> str:
    sectors = {s for _, s in labels}
    if "A01" in sectors:
        return "2025 edition (agriculture and forestry apart)"
    if "A01_02" in sectors:
        return "2023 edition (A01_02 …)"
    if any(s.startswith("01T0") for s in sectors):
        return (
            "2021 edition (01T02 …)" if "OUTPUT" in names or "01T02" in sectors else "2018 edition (01T03 …)"
        )
    return f"unknown edition ({len(sectors)} sectors)"


def _of_file(path: Path) -> dict[str, str | int]:
    """Name and year of a table: the year a file name ends with, or the only one it has."""
    years = re.findall(r"(?<!\d)(?:19|20)\d\d(?!\d)", path.stem)
    named: dict[str, str | int] = {"name": path.stem}
    return named | ({"year": int(years[-1])} if years else {})


def _numbers(path: Path, cells: np.ndarray, rows: Sequence[int], columns: Sequence[int]) -> Float:
    block = cells[np.ix_(rows, columns)]
    try:
        return np.asarray(np.where(block == "", "0", block), dtype=np.float64)
    except ValueError as error:
        raise WorldError(f"{path}: a cell of the table is no number: {error}.") from None


def _bottom(
    path: Path,
    cells: np.ndarray,
    rows: Sequence[int],
    used: Sequence[int],
    side: int,
    marks: Sequence[str],
    what: str,
) -> Float:
    low = {m.lower() for m in marks}
    for r in range(max(rows) + 1, len(cells)):
        if low & {str(v).lower() for v in cells[r, : side + 1]}:
            return _numbers(path, cells, [r], used).reshape(-1)
    raise WorldError(
        f"{path}: no row of {what} ({', '.join(marks)}) below the industries; is the file complete?"
    )
