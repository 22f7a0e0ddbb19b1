"""Ignatenko, Lashkaripour, Macedoni and Simonovska (2025): their calibration and the tariffs of their cases.

The world comes from `world.folders.read_liberation_day`; here it is completed as the paper does (home sales
that leave room for the share of sales earned at destination) and turned into a base with its options.
"""

from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr

from entrepot.equilibrium.options import Float, Options
from entrepot.world import World
from entrepot.world.folders import liberation_day_tariffs, read_liberation_day

EPS = 4.0
KAPPA = 0.5
PSI = 0.67 / 4
DISPERSION = 4 / 0.67
HOME_EARNED = (0.12, 0.26)
"""Targets of the calibration of nu: share of purchases whose value is earned at destination, US and rest."""

VALUE_ADDED_SHARE = 0.49
"""Labour's share of cost in the variant with input-output links (the paper's Table 4)."""

PUBLISHED_EU = (
    *("AUT", "BEL", "BGR", "HRV", "CYP", "DNK", "EST", "FIN", "FRA", "DEU", "GRC", "HUN", "IRL", "ITA"),
    *("LVA", "LTU", "LUX", "MLT", "NLD", "POL", "PRT", "ROU", "SVN", "ESP", "SWE"),
)
"""The 25 members in the published averages, which leave out CZE and SVK."""

US = "USA"


def foreign_shares(traded: Float, gdp: Float, us: int) -> tuple[float, float]:
    """nu of the US and of the others, from trade (exporter, importer; empty diagonal) and GDP in one unit.

    Two regions; the shares of their spending that are home sales reproduce `HOME_EARNED`. ILMS, calibration.
    """
    into_us, out_of_us = traded[:, us].sum(), traded[us].sum()
    among_rest = traded.sum() - into_us - out_of_us
    trade = np.array([[among_rest, into_us], [out_of_us, 0.0]])  # rows export: rest, US
    income = np.array([gdp.sum() - gdp[us], gdp[us]])

    def miss(nu: Float) -> Float:
        spent = income + (1 - nu) * (trade.sum(axis=0) - trade @ (1 - nu))
        rest, own = spent[0] - out_of_us, spent[1] - into_us
        r, r_us = rest / (rest + into_us), own / (own + out_of_us)
        return np.array(
            [(1 - r) * nu[1] + r * nu[0] - HOME_EARNED[0], r_us * nu[1] + (1 - r_us) * nu[0] - HOME_EARNED[1]]
        )

    # Newton from the authors' start; two unknowns don't earn the import of an optimiser at every command.
    found = np.array([0.1, 0.24])
    for _ in range(20):
        slope = np.column_stack([(miss(found + h) - miss(found - h)) / 2e-6 for h in 1e-6 * np.eye(2)])
        found = found - np.linalg.solve(slope, miss(found))
    return float(max(found[1], 0.0)), float(max(found[0], 0.0))


def completed(world: World, nu: Float, *, value_added_share: float = 1.0) -> World:
    """The world with home sales X_ii = max(0, E_i - imports), E_i = GDP_i + T_i, T_i as nu implies.

    With a value-added share below one, home sales are grossed up by it and output uses output (Table 4).
    """
    flow = np.array(world.flow.values[:, :, 0])
    np.fill_diagonal(flow, 0.0)
    transfer = (1 - nu) * (flow.sum(axis=0) - flow @ (1 - nu))
    home = np.maximum(world.data["gdp"].values + transfer - flow.sum(axis=0), 0.0)
    np.fill_diagonal(flow, home / value_added_share)
    n = len(nu)
    variables: dict[str, Any] = {"flow": flow[:, :, None]}
    if value_added_share < 1:
        variables["value_added_share"] = np.full((n, 1), value_added_share)
        variables["input_coefficient"] = np.full((n, 1, 1), 1 - value_added_share)
    return world.with_variables(**variables)


def read(folder: Path, *, inputs: bool = False, **overrides: Any) -> tuple[World, Options]:
    """World and options of the paper; `inputs` gives the variant with input-output links (Table 4).

    Overrides are fields of `Options`: `foreign_share=0.0` is the Eaton–Kortum–Krugman alternative, which keeps
    the home sales of the baseline. Raises `WorldError` where the folder can't be read.
    """
    world = read_liberation_day(folder)
    us = world.economy_index(US)
    traded = np.array(world.flow.values[:, :, 0])
    np.fill_diagonal(traded, 0.0)
    nu_us, nu = foreign_shares(traded, world.data["gdp"].values, us)
    by_economy = np.full(len(world.economies), nu)
    by_economy[us] = nu_us
    options = Options(
        elasticity=EPS,
        labour_supply=KAPPA,
        scale=PSI,
        firm_dispersion=DISPERSION,
        foreign_share={"*": nu, US: nu_us},
        revenue="tax_relief",
        deficits="world_share",
        numeraire="wages" if inputs else "prices",
    ).changed(**overrides)
    share = VALUE_ADDED_SHARE if inputs else 1.0
    return completed(world, by_economy, value_added_share=share), options


def ustr_rates(folder: Path) -> Float:
    """US tariff on each exporter as the model applies it: max(0.10, announced), 0 on home sales."""
    announced = liberation_day_tariffs(folder)
    rates = np.maximum(0.10, announced.values)
    rates[[str(c) for c in announced["exporter"].values].index(US)] = 0.0
    return np.asarray(rates)


def two_sided(world: World, of_us: Float | float, on_us: Float | float = 0.0) -> xr.DataArray:
    """Tariffs (exporter, importer): the US puts `of_us` on each exporter, others `on_us` on US goods."""
    n, us = len(world.economies), world.economy_index(US)
    rate = np.zeros((n, n))
    rate[:, us] = of_us
    rate[us, :] = on_us
    rate[us, us] = 0.0
    codes = list(world.economies)
    return xr.DataArray(
        rate,
        coords={"exporter": codes, "importer": codes},
        dims=["exporter", "importer"],
        attrs={"units": "fraction"},
    )


def export_elasticity(
    flow: Float, spending: Float, nu: Float, share: Float, *, of: int, income: float | None = None
) -> float:
    """delta_i of the optimal uniform tariff t = 1 / ((1 + delta_i eps) phi_i - 1).

    delta_i = sum_{n != i} (1 - nu_n) X_in (1 - lambda_in) / ((1 - nu_i) (E_i - X_ii)); `income` replaces E_i
    (the paper's retaliation uses Y). Matrices are (exporter, importer).
    """
    i = of
    others = np.arange(len(nu)) != i
    sold = ((1 - nu) * flow[i] * (1 - share[i]))[others].sum()
    size = spending[i] if income is None else income
    return float(sold / ((1 - nu[i]) * (size - flow[i, i])))


def optimal_rate(delta: float, eps: float, phi: float) -> float:
    """The optimal uniform tariff at an export elasticity: 1 / ((1 + delta eps) phi - 1)."""
    return 1 / ((1 + delta * eps) * phi - 1)
