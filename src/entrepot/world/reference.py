"""The embedded world, `reference-2023`: 20 economies x 18 sectors, estimated from facts by balancing.

Shipped are the facts, the estimated trade (7,200 numbers) and the final shares; the rest is derived when it
is loaded, so that every identity holds to rounding. `build` makes the shipped files again, to the same bytes.
"""

from functools import lru_cache
from importlib.resources import as_file, files
from pathlib import Path

import numpy as np
import polars as pl
import xarray as xr

from entrepot.errors import UnknownCode, WorldError
from entrepot.world.checks import Float
from entrepot.world.estimate import Estimate, estimate, to_world
from entrepot.world.facts import Facts, read_facts
from entrepot.world.heldout import held_out, mean_errors
from entrepot.world.store import load
from entrepot.world.table import World

NAME = "reference-2023"
TRADE_FILE = "estimate.nc"
HELD_OUT_FILE = "held-out.csv"
DIGITS = 7
"""Significant digits of the shipped trade: fine enough for every fact, coarse enough to hide the last bits in
which processors differ, so that a rebuild gives the same bytes."""

SOURCE = (
    "Entrepot's estimate from OECD ICIO 2020 coefficients, CEPII BACI 2023, World Bank GDP 2023, US Census "
    "imports 2024 and 37 quoted trade shares"
)
LICENCE = "Apache-2.0 (the estimate); sources CC BY 4.0, Etalab 2.0, public domain: see SOURCES.md"


@lru_cache(maxsize=1)
def reference_facts() -> Facts:
    """The facts that the embedded world is estimated from."""
    with as_file(files("entrepot") / "data" / "world" / NAME) as folder:
        return read_facts(folder, name=NAME)


@lru_cache(maxsize=1)
def reference() -> World:
    """The embedded world of 2023.

    Raises `WorldError` where the shipped files are damaged.
    """
    facts = reference_facts()
    with as_file(files("entrepot") / "data" / "world" / NAME) as folder:
        return world_of(_stored(facts, folder / TRADE_FILE))


def world_of(estimated: Estimate) -> World:
    """The labelled world of an estimate from the reference facts, with its statement."""
    return to_world(
        estimated, name=NAME, year=2023, source=SOURCE, licence=LICENCE, edition="1", statement=statement()
    )


def open_world(name: str) -> World:
    """A world by name (`reference-2023`) or by the path of a file that `World` saved.

    Raises `UnknownCode` for what is neither.
    """
    if name == NAME:
        return reference()
    path = Path(name)
    if not path.exists():
        raise UnknownCode(
            f"{name}: no world; give {NAME} or the path of a .nc or .npz file (see entrepot world)."
        )
    return load(path)


@lru_cache(maxsize=1)
def statement() -> str:
    """What the embedded world is and is good for, with its held-out errors, in one paragraph."""
    with as_file(files("entrepot") / "data" / "world" / NAME / HELD_OUT_FILE) as path:
        errors = mean_errors(pl.read_csv(path))
    return (
        "Estimated from facts by balancing, 2023; not an official table. Good for questions about imports "
        "of the United States (their columns are census), for Chinese content of Viet Nam's exports as a "
        "range, and for relative effects; not for a single flow between third countries, fuel, food or "
        f"services. Facts held out are missed by {errors['pair', 'leave_one_out']:.3f} (pairs) and "
        f"{errors['total', 'leave_one_out']:.3f} (totals) of a pair's goods trade on average, without any "
        f"facts by {errors['pair', 'no_facts']:.3f} and {errors['total', 'no_facts']:.3f}."
    )


def us_duty_rate() -> xr.DataArray:
    """Average duty of the United States in 2024, calculated duty over customs value, by exporter and sector.

    A fraction; NaN where nothing was imported. The embedded world is valued before duties: this is for those
    who need the level from which a rate changes. Source: US Census Bureau.
    """
    facts = reference_facts()
    with as_file(files("entrepot") / "data" / "world" / NAME / "us-imports-2024-by-sector.csv") as path:
        table = pl.read_csv(path).filter(pl.col("sector") != "none")
    rate = np.full((len(facts.economies), len(facts.sectors)), np.nan)
    for row in table.filter(pl.col("value_usd") > 0).iter_rows(named=True):
        at = facts.economies.index(row["economy"]), facts.sectors.index(row["sector"])
        rate[at] = row["duty_usd"] / row["value_usd"]
    coords = {"exporter": list(facts.economies), "sector": list(facts.sectors)}
    return xr.DataArray(
        rate, coords=coords, dims=["exporter", "sector"], attrs={"units": "fraction of customs value"}
    )


def build(facts_folder: Path, out: Path, *, leave_one_out: bool = True) -> Estimate:
    """Estimate from a folder of facts and write trade, final shares and held-out errors to `out`.

    Raises `WorldError` where facts contradict each other, and what `read_facts` raises.
    """
    facts = read_facts(facts_folder, name=NAME)
    estimated = estimate(facts)
    out.mkdir(parents=True, exist_ok=True)
    trade = xr.Dataset(
        {
            "flow": (("exporter", "importer", "sector"), _significant(estimated.flow)),
            "final_share": (("importer", "sector"), np.round(estimated.final_share, 9)),
        },
        attrs={"source": SOURCE, "licence": LICENCE, "flow_units": "USD, before duties, without home sales"},
    )
    trade.to_netcdf(out / TRADE_FILE, engine="scipy", format="NETCDF3_64BIT")
    errors = held_out(facts, leave_one_out=leave_one_out)
    errors.with_columns(pl.col(pl.Float64).round(4)).write_csv(out / HELD_OUT_FILE)
    return estimated


def _stored(facts: Facts, path: Path) -> Estimate:
    try:
        with xr.open_dataset(path, engine="scipy") as stored:
            flow, share = stored["flow"].values, stored["final_share"].values
    except Exception as error:  # damaged files raise errors of a dozen kinds in the libraries that read them
        raise WorldError(
            f"{path}: the embedded world can't be read: {error}. Build it again: make world."
        ) from None
    return Estimate(
        facts, flow, share / share.sum(axis=1, keepdims=True), 0.0, 0.0, 0, share - facts.final_share
    )


def _significant(values: Float) -> Float:
    """Values rounded to `DIGITS` significant digits."""
    size = np.where(values > 0, values, 1.0)
    unit = 10.0 ** (np.floor(np.log10(size)) - DIGITS + 1)
    return np.asarray(np.where(values > 0, np.rint(values / unit) * unit, 0.0))
