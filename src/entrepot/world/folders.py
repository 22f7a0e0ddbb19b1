"""Readers of calibrations published with papers, in the layouts of their replication folders.

Each returns a checked `World`; what the source gives in thousands or percent is turned into USD and fractions
here.
"""

from pathlib import Path

import numpy as np
import polars as pl
import xarray as xr

from entrepot.errors import WorldError
from entrepot.world.accounts import ratio
from entrepot.world.checks import Float
from entrepot.world.table import World, dataset


def read_cp2015(folder: Path, *, tariffs: str = "tariffs1993.txt") -> World:
    """Caliendo and Parro (2015): 31 economies x 40 sectors, 1993; the replication's own calibration.

    Output below exports is raised to exports, home sales are the rest, final shares below zero become zero
    (so the world is not closed: solve a base first), and one negative input share becomes zero. `tariffs`
    names another tariff file of the folder, for `cp2015_tariffs`.

    Raises `WorldError` where a file is missing or its shape is not 20 blocks of 31 rows and so on.
    """
    economies = [str(c) for c in _csv(folder / "economies.csv")["iso3"]]
    table = _csv(folder / "sectors.csv")
    sectors = [str(c) for c in table["name"]]
    n, s = len(economies), len(sectors)
    tradable = int(table["tradable"].sum())
    flow = np.zeros((n, n, s))
    trade = _matrix(folder / "xbilat1993.txt", (tradable * n, n)).reshape(tradable, n, n)
    flow[:, :, :tradable] = 1000 * trade.transpose(2, 1, 0)  # blocks are sector; rows import, columns export
    output = np.maximum(_matrix(folder / "GO.txt", (s, n)).T, flow.sum(axis=1))
    home = output - flow.sum(axis=1)
    flow[np.arange(n), np.arange(n)] = home
    tariff = cp2015_tariffs(folder / tariffs, n, s)
    value_added_share = _matrix(folder / "B.txt", (s, n)).T
    inputs = np.maximum(_matrix(folder / "IO.txt", (n * s, s)).reshape(n, s, s), 0)
    coefficient = ratio(inputs, inputs.sum(axis=1, keepdims=True)) * (1 - value_added_share)[:, None, :]
    spending = ((1 + tariff) * flow).sum(axis=0)
    left = np.maximum(spending - np.einsum("nsk,nk->ns", coefficient, output), 0)
    return World(
        dataset(
            economies,
            sectors,
            {
                "flow": flow,
                "tariff": tariff,
                "input_coefficient": coefficient,
                "value_added_share": value_added_share,
                "final_share": left / left.sum(axis=1, keepdims=True),
                "trade_elasticity": table["theta"].to_numpy().astype(float),
            },
            name="cp2015",
            year=1993,
            source="Caliendo and Parro (2015), Review of Economic Studies 82(1), replication data",
            licence="none stated",
        ),
        closed=False,
    )


def cp2015_tariffs(path: Path, economies: int, sectors: int) -> Float:
    """Tariffs of a file of that folder as fractions (exporter, importer, sector); zero in non-tradable
    sectors.

    Raises `WorldError` where the file is not blocks of `economies` rows and columns.
    """
    percent = _matrix(path, (-1, economies)).reshape(-1, economies, economies)
    tariff = np.zeros((economies, economies, sectors))
    tariff[:, :, : len(percent)] = percent.transpose(2, 1, 0) / 100
    return tariff


def read_liberation_day(folder: Path) -> World:
    """Ignatenko and others (2025): 194 economies, one sector of goods, 2023; no input-output links.

    Trade is as published (blanks are the source's zeros); home sales are max(0, GDP - exports), which is the
    paper's completion with no share of sales earned at destination. `gdp` is kept for solvers that complete
    the table otherwise, and trade_elasticity is the paper's 4.

    Raises `WorldError` where a file is missing or the labels of its rows and columns differ.
    """
    table = _csv(folder / "trade.csv")
    economies = [str(c) for c in table["exporter"]]
    if table.columns[1:] != economies:
        raise WorldError(
            f"{folder / 'trade.csv'}: rows (exporters) and columns (importers) differ in their labels."
        )
    traded = 1000 * table.drop("exporter").cast(pl.Float64).fill_null(0.0).to_numpy()
    gdp = _by_economy(folder / "gdp.csv", "gdp_usd", economies)
    flow = traded.copy()
    np.fill_diagonal(flow, np.maximum(gdp - traded.sum(axis=1), 0))
    one = np.ones((len(economies), 1))
    return World(
        dataset(
            economies,
            ["GOODS"],
            {
                "flow": flow[:, :, None],
                "value_added_share": one,
                "final_share": one,
                "trade_elasticity": [4.0],
                "gdp": gdp,
            },
            name="liberation-day",
            year=2023,
            source="Ignatenko, Lashkaripour, Macedoni and Simonovska (2025), replication data; BACI 202501",
            licence="none stated; BACI Etalab 2.0, World Bank CC BY 4.0",
            statement="Lacks nearly all flows among 77 economies, and Taiwan: for the replication only.",
        )
    )


def liberation_day_tariffs(folder: Path) -> xr.DataArray:
    """US tariffs announced on 2 April 2025 as fractions, by exporter; the model applies max(0.10, this) to
    all but the US.

    Raises `WorldError` where an economy of the trade table has no row.
    """
    economies = [str(c) for c in _csv(folder / "gdp.csv")["iso3"]]
    rate = _by_economy(folder / "tariffs.csv", "us_tariff_fraction", economies)
    return xr.DataArray(rate, coords={"exporter": economies}, dims=["exporter"], attrs={"units": "fraction"})


def world_2017_dataset(path: Path) -> xr.Dataset:
    """The 37 x 23 calibration of 2017, as its arrays are read by the code beside them; `diagnose` finds its
    faults.

    Flow is pi X / tilde_tau, input shares are read [economy, input, user]. Not closed in either edition.
    Raises `WorldError` where the file is cut short or lacks an array.
    """
    a = _npz(path, ("country_list", "sector_list", "alpha", "beta", "gamma", "theta", "pi", "X", "tilde_tau"))
    flow = 1000 * a["pi"] * a["X"][:, None, :] / a["tilde_tau"]  # [importer, exporter, sector]
    return dataset(
        [str(c) for c in a["country_list"]],
        [str(c) for c in a["sector_list"]],
        {
            "flow": flow.transpose(1, 0, 2),
            "tariff": (a["tilde_tau"] - 1).transpose(1, 0, 2),
            "input_coefficient": a["gamma"],
            "value_added_share": a["beta"],
            "final_share": a["alpha"],
            "trade_elasticity": a["theta"],
        },
        name=f"world-2017-37x23 ({path.name})",
        year=2017,
        source="Eora26 2017, calibration of a Caliendo-Parro model",
        licence="academic use only",
    )


def read_world_2017(path: Path) -> World:
    """The 37 x 23 world of 2017; raises `WorldError` on the first fault (the older file has three)."""
    return World(world_2017_dataset(path), closed=False)


def read_icio_parameters(path: Path) -> World:
    """Shares of OECD ICIO 2020 by economy, 77 x 45, without flows: `flow` and what derives from it are
    unresolved.

    Raises `WorldError` where the file is cut short or shares do not sum to one.
    """
    a = _npz(
        path,
        (
            "economies",
            "sectors",
            "value_added_share",
            "input_coefficients",
            "final_demand_share",
            "deficit_musd",
            "theta",
        ),
    )
    return World(
        dataset(
            [str(c) for c in a["economies"]],
            [str(c) for c in a["sectors"]],
            {
                "input_coefficient": a["input_coefficients"].transpose(1, 0, 2),
                "value_added_share": a["value_added_share"].T,
                "final_share": a["final_demand_share"].T,
                "deficit": 1e6 * a["deficit_musd"],
                "trade_elasticity": a["theta"],
            },
            name="icio-2020-parameters",
            year=2020,
            source="OECD ICIO 2023 edition, small version, through a published model's parameter file",
            licence="CC BY 4.0 (not verified)",
        ),
        closed=False,
    )


def _csv(path: Path) -> pl.DataFrame:
    try:
        return pl.read_csv(path, infer_schema_length=None)
    except (OSError, pl.exceptions.PolarsError) as error:
        raise WorldError(f"{path}: can't be read as CSV: {error}.") from None


def _matrix(path: Path, shape: tuple[int, int]) -> Float:
    try:
        values = np.loadtxt(path)
    except (OSError, ValueError) as error:
        raise WorldError(f"{path}: can't be read as a table of numbers: {error}.") from None
    if values.shape[1:] != shape[1:] or values.shape[0] != shape[0] != -1:
        raise WorldError(f"{path}: has shape {values.shape}, the labels want {shape}; is the file complete?")
    return np.asarray(values, dtype=np.float64)


def _npz(path: Path, names: tuple[str, ...]) -> dict[str, np.ndarray]:
    try:
        with path.open("rb") as stream, np.load(stream, allow_pickle=False) as stored:
            missing = sorted(set(names) - set(stored.files))
            if not missing:
                return {name: stored[name] for name in names}
    except Exception as error:  # zipfile, zlib and numpy raise a dozen kinds for a damaged file
        raise WorldError(f"{path}: can't be read as npz: {error}.") from None
    raise WorldError(f"{path}: lacks the arrays {', '.join(missing)}.")


def _by_economy(path: Path, column: str, economies: list[str]) -> Float:
    table = dict(_csv(path).select("iso3", column).iter_rows())
    missing = [c for c in economies if table.get(c) is None]
    if missing:
        raise WorldError(f"{path}: no {column} for {', '.join(missing)}.")
    return np.array([table[c] for c in economies], dtype=np.float64)
