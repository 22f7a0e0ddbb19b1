"""Derivatives and policy: exact against differences, NumPy against JAX, optima that are optima."""

import numpy as np
import pytest
import xarray as xr

from entrepot.equilibrium import Shock, derive, ready, respond, solve
from entrepot.equilibrium.base import Base
from entrepot.equilibrium.engine import Solution, counterfactual
from entrepot.equilibrium.shock import change
from entrepot.errors import OptionError, ShockError
from test_equilibrium_properties import RICH, tariffs, with_inputs, without_inputs


def solved(options: dict) -> Solution:
    world = with_inputs(7, 3, 2)
    base = ready(world, tolerance=1e-13, **options)
    return counterfactual(base, change(base, tariffs(world, 7, 0.3)))


@pytest.mark.parametrize("options", [{"elasticity": 4.0}, RICH], ids=["plain", "rich"])
def test_gradients_are_central_differences_and_jax_agrees_with_numpy(options: dict) -> None:
    s = solved(options)
    linear = derive.Linearised(s)
    result = solve(s.base, derive_tariff(s), flows=False)
    here = linear.outcomes()
    np.testing.assert_allclose(np.expm1(here["welfare"]) * 100, result["welfare_pct"], atol=1e-10)
    for name in ("revenue", "exports", "imports"):
        np.testing.assert_allclose(here[name], result[name], rtol=1e-10)
    h, k, n, i = 1e-4, 1, 0, 2
    for outcome in ("welfare", "prices", "wage", "revenue"):
        exact = derive.gradient(s, outcome, "E1").values[i, n, k]
        sides = []
        for sign in (1, -1):
            tariff = np.array(s.tariff)
            tariff[k, n, i] += sign * h
            moved = counterfactual(s.base, change(s.base, None)._replace(tariff=tariff))
            sides.append(derive.Linearised(moved).outcomes()[outcome][1])
        assert exact == pytest.approx((sides[0] - sides[1]) / (2 * h), rel=1e-6)
    direction = derive_tariff(s) * 0
    direction[i, n, k] = 1.0
    forward = derive.response(s, direction)
    assert float(forward["welfare"][1]) == pytest.approx(
        derive.gradient(s, "welfare", "E1").values[i, n, k], rel=1e-8
    )


NUMBERS = [
    ("output", {"economy": "E1", "sector": "S0"}),
    ("price", {"economy": "E2", "sector": "S1"}),
    ("spending", {"economy": "E0", "sector": "S0"}),
    ("flow", {"exporter": "E2", "importer": "E0", "sector": "S1"}),
    ("trade_share", {"exporter": "E1", "importer": "E2", "sector": "S0"}),
    ("welfare", {"economy": "E2"}),
]


@pytest.mark.parametrize(("outcome", "at"), NUMBERS, ids=[name for name, _ in NUMBERS])
def test_any_outcome_can_be_differentiated_to_any_lever(outcome: str, at: dict[str, str]) -> None:
    s = solved(RICH)
    world = with_inputs(7, 3, 2)
    flows = derive_tariff(s) * 0 + 1
    by_cell = flows[0, 0].drop_vars(["exporter", "importer"])
    by_economy = flows[:, 0, 0].drop_vars(["importer", "sector"]).rename(exporter="economy")
    ones = {
        "trade_cost": flows,
        "productivity": (by_cell * by_economy).transpose("economy", "sector"),
        "labour": by_economy,
    }
    cells = {
        "tariff": ("E2", "E0", "S1"),
        "trade_cost": ("E2", "E0", "S1"),
        "productivity": ("E1", "S1"),
        "labour": ("E2",),
    }
    names = {"real_income": "income", "welfare": "welfare_pct", "price": "price_hat"}
    logs = {"welfare": lambda v: np.log1p(v / 100), "price": np.log}

    def found(lever: str, size: float) -> float:
        cell = dict(zip(derive.DIMS[lever], cells[lever], strict=True))
        shock: dict[str, xr.DataArray] = {"tariff": derive_tariff(s)}
        moved = (shock if lever == "tariff" else ones)[lever].copy(deep=True)
        moved.loc[cell] = moved.loc[cell] + size if lever == "tariff" else np.exp(size)
        result = solve(s.base, Shock(**(shock | {lever: moved})))
        value = float(result[names.get(outcome, outcome)].sel(at))
        return float(logs.get(outcome, float)(value))

    h = 1e-4
    for lever, cell in cells.items():
        slope = derive.gradient(s, outcome, **at, lever=lever).sel(
            dict(zip(derive.DIMS[lever], cell, strict=True))
        )
        differences = (found(lever, h) - found(lever, -h)) / (2 * h)
        assert float(slope) == pytest.approx(differences, rel=2e-6, abs=1e-9), lever
    direction = world.tariff * 0
    direction.loc[{"exporter": "E2", "importer": "E0", "sector": "S1"}] = 1.0
    along = derive.response(s, direction.isel(exporter=[2, 0, 1]))  # labels count, not places
    exact = derive.gradient(s, outcome, **at).sel(exporter="E2", importer="E0", sector="S1")
    assert float(along[outcome].sel(at)) == pytest.approx(float(exact), rel=1e-7, abs=1e-12)


def test_transfers_are_a_lever_too() -> None:
    """What one economy gives another receives: the difference of two slopes is a change that can be made."""
    s = solved(RICH)
    base = s.base
    own = xr.DataArray(base.parameters.transfer, coords={"economy": list(base.economies)}, dims=["economy"])
    size = 1e-4 * float(base.income.min())

    def welfare(sign: float) -> float:
        moved = own.copy(deep=True)
        moved.loc[{"economy": "E0"}] += sign * size
        moved.loc[{"economy": "E1"}] -= sign * size
        result = solve(base, Shock(tariff=derive_tariff(s), deficit=moved))
        return float(np.log1p(result["welfare_pct"].sel(economy="E2") / 100))

    slope = derive.gradient(s, "welfare", "E2", lever="deficit")
    exact = float(slope.sel(economy="E0") - slope.sel(economy="E1"))
    assert exact == pytest.approx((welfare(1) - welfare(-1)) / (2 * size), rel=1e-6)


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ({"outcome": "happiness", "economy": "E1"}, "happiness.*welfare"),
        ({"outcome": "welfare", "economy": "XXX"}, "XXX.*E0"),
        ({"outcome": "output", "economy": "E1"}, "output is by economy, sector"),
        ({"outcome": "welfare", "economy": "E1", "lever": "magic"}, "magic.*tariff"),
    ],
)
def test_what_cannot_be_differentiated_is_refused(given: dict, says: str) -> None:
    with pytest.raises(OptionError, match=says):
        derive.gradient(solved({"elasticity": 4.0}), **given)


def test_a_direction_lacking_an_economy_is_refused() -> None:
    s = solved({"elasticity": 4.0})
    with pytest.raises(ShockError, match="E2 is missing"):
        derive.response(s, derive_tariff(s).isel(exporter=[0, 1]))


def derive_tariff(s: Solution):
    assert s.tariff is not None
    return with_inputs(7, 3, 2).tariff.copy(data=s.tariff.transpose(2, 1, 0))


@pytest.fixture(scope="module")
def small() -> Base:
    return ready(without_inputs(11, 3, 2), elasticity=4.0, deficits="balanced")


@pytest.mark.parametrize("by", ["uniform", "partner", "partner_sector"])
def test_at_the_optimum_the_gradient_vanishes_or_a_bound_binds(small: Base, by: respond.By) -> None:
    best = respond.optimal(small, "E0", by=by, bounds=(0.0, 0.3))
    rates, slope = best.rates.values, best.gradient.values
    inside = (rates > 1e-8) & (rates < 0.3 - 1e-8)
    assert np.abs(slope[inside]).max(initial=0) < 1e-5
    assert (slope[rates >= 0.3 - 1e-8] > -1e-5).all()
    assert (slope[rates <= 1e-8] < 1e-5).all()
    assert best.welfare_pct > float(solve(small, None, flows=False)["welfare_pct"][0])


def test_more_instruments_never_serve_a_government_worse(small: Base) -> None:
    by: tuple[respond.By, ...] = ("uniform", "partner", "partner_sector")
    gains = [respond.optimal(small, "E0", by=b).welfare_pct for b in by]
    # In this world rates by sector add nothing to rates by partner (both reach the same optimum, but for rounding).
    assert np.diff(gains).min() > -1e-11
    assert gains[1] > gains[0]


def test_a_small_open_economy_gains_nothing_from_tariffs_at_home_prices(small: Base) -> None:
    """The optimal uniform tariff of one sector is 1/(theta x foreign share of the rest): near 1/theta if small."""
    best = respond.optimal(ready(without_inputs(11, 3, 1), elasticity=4.0, deficits="balanced"), "E0")
    assert 0.2 < float(best.rates) < 0.45


def test_nobody_gains_by_leaving_the_nash_point(small: Base) -> None:
    found = respond.nash(small, ["E0", "E1"])
    point = found["E0"].tariff
    welfare = solve(small, point, flows=False)["welfare_pct"]
    for code in ("E0", "E1"):
        own = float(welfare.sel(economy=code))
        for other_rate in (0.5, 0.9, 1.1, 2.0):
            deviation = point.copy()
            mine = deviation.sel(importer=code) * other_rate
            deviation.loc[{"importer": code}] = mine
            assert float(solve(small, deviation, flows=False)["welfare_pct"].sel(economy=code)) < own + 1e-8


def test_retaliation_in_kind(small: Base) -> None:
    world = without_inputs(11, 3, 2)
    shock = world.tariff.copy()
    shock.loc[{"importer": "E0", "exporter": "E1"}] = 0.2
    answered = respond.retaliation(world, shock, "E0")
    assert (answered.sel(importer="E1", exporter="E0") == 0.2).all()
    assert (answered.sel(importer="E2", exporter="E0") == 0).all()
    with pytest.raises(OptionError, match="XYZ"):
        respond.retaliation(world, shock, "XYZ")


def test_who_is_no_government(small: Base) -> None:
    with pytest.raises(OptionError, match="XXX"):
        respond.optimal(small, "XXX")
    with pytest.raises(OptionError, match="overlap"):
        respond.nash(small, ["E0", "E0"])
    with pytest.raises(OptionError, match="bounds"):
        respond.optimal(small, "E0", bounds=(0.5, 0.1))
