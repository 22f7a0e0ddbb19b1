"""Caliendo and Parro (2015): Table 2, with and without aggregate deficits, to every printed digit."""

from pathlib import Path

import numpy as np
import polars as pl
import pytest
import xarray as xr

from entrepot.equilibrium import Base, presets, ready, solve
from entrepot.equilibrium.engine import NO_CHANGE, counterfactual, rebased
from entrepot.equilibrium.outcomes import decomposition
from entrepot.equilibrium.shock import change, part

NAFTA = ["MEX", "CAN", "USA"]


@pytest.fixture(scope="module")
def nafta(shared: Path) -> tuple[Base, xr.DataArray]:
    preset = presets.open_preset("cp2015-nafta", shared / "cp2015")
    assert preset.tariff is not None
    return ready(preset.world, preset.options), preset.tariff


@pytest.fixture(scope="module")
def table2(nafta: tuple[Base, xr.DataArray]) -> xr.Dataset:
    return solve(*nafta)


def test_table_2_to_every_printed_digit(table2: xr.Dataset, shared: Path) -> None:
    expected = pl.read_csv(shared / "cp2015" / "expected-table2.csv")
    assert expected.height == 12
    for row in expected.iter_rows(named=True):
        found = float(table2[row["variable"]].sel(economy=row["economy"]))
        assert round(found, 2) == pytest.approx(row["published"], abs=1e-9), row
        assert found == pytest.approx(row["recomputed_from_these_files"], abs=6e-5), row


@pytest.mark.parametrize(
    ("variable", "published"),
    [
        ("welfare_pct", [1.17, -0.04, 0.08]),
        ("terms_of_trade_pct", [-0.41, -0.08, 0.05]),
        ("volume_of_trade_pct", [1.59, 0.04, 0.04]),
        ("real_wage_pct", [1.64, 0.33, 0.12]),
    ],
)
def test_the_variant_with_deficits(shared: Path, variable: str, published: list[float]) -> None:
    preset = presets.open_preset("cp2015-nafta", shared / "cp2015")
    result = solve(preset.world, preset.tariff, preset.options.changed(deficits="world_share"))
    assert np.round(result[variable].sel(economy=NAFTA).values, 2).tolist() == published


def test_the_decomposition_adds_up_over_partners_and_sectors(table2: xr.Dataset) -> None:
    for name in ("terms_of_trade_pct", "volume_of_trade_pct"):
        for parts in ("partner", "sector"):
            total = table2[f"{name}_by_{parts}"].sum(parts)
            np.testing.assert_allclose(total, table2[name], rtol=0, atol=1e-10)


def test_along_the_path_of_tariffs_the_decomposition_is_the_exact_welfare_change(
    nafta: tuple[Base, xr.DataArray],
) -> None:
    """What CP publish is the first step of this integral, and far from the whole for Mexico."""
    world_base, tariff = nafta

    ch = change(world_base, tariff)
    steps = 24
    total = np.zeros(len(world_base.economies))
    here = world_base
    s = counterfactual(here, NO_CHANGE)
    for step in range(1, steps + 1):
        s = counterfactual(here, part(world_base, ch, step / steps))
        old, new = here.flow(), s.flow()
        ahead = rebased(s)
        # The trapezoid: half the effects with the weights of the start, half with those of the end.
        forward = decomposition(s, old, new, detail=False)
        back = counterfactual(ahead, part(world_base, ch, (step - 1) / steps))
        backward = decomposition(back, ahead.flow(), back.flow(), detail=False)
        for name in ("terms_of_trade_pct", "volume_of_trade_pct"):
            total += (forward[name][0] - backward[name][0]) / 2
        here = ahead
    exact = solve(*nafta, flows=False)["real_income_pct"].values
    of_nafta = [world_base.economies.index(c) for c in NAFTA]
    np.testing.assert_allclose(total[of_nafta], 100 * np.log1p(exact / 100)[of_nafta], atol=2e-3)
    assert exact[of_nafta[0]] == pytest.approx(0.0073, abs=2e-4)
