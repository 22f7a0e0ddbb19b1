"""Bring a whole world to new totals: a later year's GDP, bilateral trade, outputs by sector."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from entrepot.errors import WorldError
from entrepot.world.aggregate import to_table
from entrepot.world.balance import Equal, Totals, fit
from entrepot.world.checks import Float
from entrepot.world.table import World, dataset


@dataclass(frozen=True)
class Rebalanced:
    """A world at its new totals, how closely they are met, and what moved: one row per flow and use.

    `moves` has exporter, sector, importer, use (a using sector, `final`, or `value added`), before, after and
    change in USD, largest change first.
    """

    world: World
    residual: float
    sweeps: int
    moves: pl.DataFrame


def rebalance(
    world: World,
    *,
    gdp: Mapping[str, float] | None = None,
    trade: Mapping[tuple[str, str], float] | None = None,
    output: Mapping[tuple[str, str], float] | None = None,
    reliability: Mapping[str, float] | None = None,
    largest: int = 50,
    tolerance: float = 1e-8,
) -> Rebalanced:
    """A table with given totals, as close to the world's own as information allows (see `fit`).

    `gdp` by economy, `trade` by (exporter, importer) over all sectors, `output` by (economy, sector), all
    USD; what is not named is free to follow, except that inputs and value added of a sector make its output.
    `reliability` of each kind ("gdp", "trade", "output") is 1 (exact) unless given.

    Raises `WorldError` naming the conflict where totals can't be met together, `UnknownCode` for a label that
    the world does not have, and `WorldError` for a table with negative final demand or value added.
    """
    table = to_table(world)
    Z, F = table.data["intermediate"].values, table.data["final"].values
    added = table.value_added_share.values * table.output.values
    if min(F.min(), added.min()) < 0:
        raise WorldError(
            f"{world.name}: holds negative final demand or value added; aggregate it or net it first."
        )
    cells = np.concatenate([Z.ravel(), F.ravel(), added.ravel()])
    of = _sets(len(table.economies), len(table.sectors))
    kinds = [f"{i} {k}" for i in table.economies for k in table.sectors]
    pairs = [f"{i} to {j}" for i in table.economies for j in table.economies]
    place, kind = table.economy_index, table.sector_index
    n, s = len(table.economies), len(table.sectors)
    wanted = {
        "gdp": ({place(i): v for i, v in (gdp or {}).items()}, table.economies),
        "trade": ({place(i) * n + place(j): v for (i, j), v in (trade or {}).items()}, pairs),
        "output": ({place(i) * s + kind(k): v for (i, k), v in (output or {}).items()}, kinds),
    }
    weight = reliability or {}
    sets = [
        _totals(what, of[what], at, names, weight.get(what, 1.0))
        for what, (at, names) in wanted.items()
        if at
    ]
    fitted = fit(
        cells, sets, equal=Equal("sales and costs of", of["output"], of["cost"], kinds), tolerance=tolerance
    )
    Z, F = fitted.cells[: Z.size].reshape(Z.shape), fitted.cells[Z.size : Z.size + F.size].reshape(F.shape)
    exact = (
        Z.sum(axis=(2, 3)) + F.sum(axis=2) - Z.sum(axis=(0, 1))
    )  # the fit is to a tolerance, the table is not
    kept = {k: v for k, v in table.data.attrs.items() if k != "closed"} | {
        "name": f"{table.name}, rebalanced"
    }
    carried = {k: table.data[k].values for k in ("trade_elasticity", "basis") if k in table.data}
    made = dataset(
        table.economies,
        table.sectors,
        {"intermediate": Z, "final": F, "value_added": exact} | carried,
        **kept,
    )
    moves = _moves(table.economies, table.sectors, cells, fitted.cells, largest)
    return Rebalanced(World(made), fitted.residual, fitted.sweeps, moves)


def _sets(n: int, s: int) -> dict[str, np.ndarray]:
    """Which total each cell is part of; cells are Z (i, s, j, k), then F (i, s, j), then value added
    (j, k).
    """
    i, k, j, u = (x.ravel() for x in np.indices((n, s, n, s)))
    fi, fk, fj = (x.ravel() for x in np.indices((n, s, n)))
    vj, vk = (x.ravel() for x in np.indices((n, s)))
    none = np.full(len(vj), -1)
    return {
        "gdp": np.concatenate([np.full(len(i) + len(fi), -1), vj]),
        "trade": np.concatenate([i * n + j, fi * n + fj, none]),
        "output": np.concatenate([i * s + k, fi * s + fk, none]),
        "cost": np.concatenate([j * s + u, np.full(len(fi), -1), vj * s + vk]),
    }


def _totals(
    what: str, of: np.ndarray, wanted: Mapping[int, float], names: Sequence[str], reliability: float
) -> Totals:
    """Totals of the named sets only: the others are taken out of `of`."""
    chosen = sorted(wanted)
    position = np.full(len(names) + 1, -1)  # the last entry serves cells of no set
    position[chosen] = np.arange(len(chosen))
    target = np.array([wanted[g] for g in chosen], dtype=np.float64)
    return Totals(what, position[of], target, [names[g] for g in chosen], reliability)


def _moves(
    economies: Sequence[str], sectors: Sequence[str], before: Float, after: Float, largest: int
) -> pl.DataFrame:
    n, s = len(economies), len(sectors)
    ends = n * s * n * s, n * s * n * s + n * s * n
    rows = []
    for c in np.argsort(-np.abs(after - before), kind="stable")[:largest]:
        if c < ends[0]:
            i, k, j, u = np.unravel_index(c, (n, s, n, s))
            where = (economies[i], sectors[k], economies[j], sectors[u])
        elif c < ends[1]:
            i, k, j = np.unravel_index(c - ends[0], (n, s, n))
            where = (economies[i], sectors[k], economies[j], "final")
        else:
            j, k = np.unravel_index(c - ends[1], (n, s))
            where = (economies[j], sectors[k], economies[j], "value added")
        rows.append((*where, before[c], after[c], after[c] - before[c]))
    names = ["exporter", "sector", "importer", "use", "before", "after", "change"]
    return pl.DataFrame(rows, schema=names, orient="row")


def read_targets(path: Path) -> dict[str, Any]:
    """Keyword arguments of `rebalance` from a CSV file: kind, economy, partner_or_sector, value_usd,
    reliability.

    `kind` is gdp, trade (economy is the exporter, partner the importer) or output; reliability may be left
    out, and the least of a kind counts. Raises `WorldError` naming file and row for a kind, value or column
    that is none.
    """
    try:
        table = pl.read_csv(path, infer_schema_length=None)
    except (OSError, pl.exceptions.PolarsError) as error:
        raise WorldError(f"{path}: can't be read as CSV: {error}.") from None
    if missing := sorted({"kind", "economy", "partner_or_sector", "value_usd"} - set(table.columns)):
        raise WorldError(f"{path}: lacks the column {', '.join(missing)}.")
    found: dict[str, Any] = {"gdp": {}, "trade": {}, "output": {}, "reliability": {}}
    for number, row in enumerate(table.iter_rows(named=True), start=2):
        kind, value = row["kind"], row["value_usd"]
        if kind not in ("gdp", "trade", "output") or not isinstance(value, int | float):
            raise WorldError(
                f"{path}, row {number}: kind {kind} with value {value}; kinds are gdp, trade, output."
            )
        key = row["economy"] if kind == "gdp" else (row["economy"], row["partner_or_sector"])
        if key in found[kind]:
            raise WorldError(f"{path}, row {number}: {kind} {key} is given twice.")
        found[kind][key] = float(value)
        weight = row.get("reliability")
        if weight is not None:
            if not 0 < float(weight) <= 1:
                raise WorldError(
                    f"{path}, row {number}: reliability {weight}; give a number above 0 and up to 1."
                )
            found["reliability"][kind] = min(float(weight), found["reliability"].get(kind, 1.0))
    return found
