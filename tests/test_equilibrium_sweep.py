"""Sweeps: draws with a seed, any executor, resumed after a kill without loss or duplicates."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from entrepot.equilibrium import elasticities, solve, sweep
from entrepot.errors import OptionError, Unresolved
from entrepot.world import reference
from test_equilibrium_properties import tariffs, without_inputs

SETTINGS = {"draw_from": "boehm-levchenko-pandalai-nayar-2023-long", "seed": 3, "progress": False}


@pytest.fixture
def threads() -> ThreadPoolExecutor:
    return ThreadPoolExecutor(1)


def test_a_sweep_is_resumed_without_loss_or_duplicates(
    tmp_path: Path, threads: ThreadPoolExecutor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sweep, "PIECE", 5)
    world = without_inputs(0, 3, 2)
    shocks = {"war": tariffs(world, 1), "peace": None}
    whole = sweep.sweep(world, shocks, tmp_path / "whole", draws=12, executor=threads, **SETTINGS)
    assert whole.height == 2 * 12 * 3
    assert whole.select("scenario", "draw", "economy").is_unique().all()
    assert (whole["status"] == "converged").all()
    part = tmp_path / "part"
    sweep.sweep(world, shocks, part, draws=12, executor=threads, **SETTINGS)
    killed = sorted(part.glob("scenario=*/draws-*.parquet"))
    killed[1].rename(killed[1].with_suffix(".partial"))  # as a kill leaves it
    killed[3].unlink()
    again = sweep.sweep(world, shocks, part, draws=12, executor=threads, **SETTINGS)
    order = ["scenario", "draw", "economy"]
    assert again.sort(order).equals(whole.sort(order))
    fewer = sweep.sweep(world, shocks, tmp_path / "fewer", draws=7, executor=threads, **SETTINGS)
    longer = sweep.sweep(world, shocks, tmp_path / "fewer", draws=12, executor=threads, **SETTINGS)
    assert fewer.height == 2 * 7 * 3
    assert longer.sort(order).equals(whole.sort(order))
    shorter = sweep.sweep(world, shocks, tmp_path / "fewer", draws=3, executor=threads, **SETTINGS)
    assert shorter.height == 2 * 3 * 3
    stored = pl.concat([pl.read_parquet(f) for f in (tmp_path / "fewer").glob("*/*.parquet")])
    assert stored.select(order).is_unique().all()  # whoever reads the files without us, too
    assert stored.height == whole.height


def test_bands_hold_the_median_and_know_what_failed(tmp_path: Path, threads: ThreadPoolExecutor) -> None:
    world = without_inputs(0, 3, 2)
    table = sweep.sweep(
        world, {"war": tariffs(world, 1)}, tmp_path / "s", draws=20, executor=threads, **SETTINGS
    )
    bands = sweep.bands(table)
    row = bands.row(0, named=True)
    values = table.filter(pl.col("economy") == row["economy"])["welfare_pct"]
    assert row["welfare_pct_q50"] == pytest.approx(values.median())
    assert row["welfare_pct_q05"] < row["welfare_pct_q50"] < row["welfare_pct_q95"]
    assert row["converged"] == 1
    fine = sweep.bands(table, (0.02, 0.025)).columns
    assert "welfare_pct_q02" in fine
    assert "welfare_pct_q2.5" in fine


def test_processes_give_the_same_numbers(tmp_path: Path, threads: ThreadPoolExecutor) -> None:
    world = without_inputs(0, 3, 2)
    shocks = {"war": tariffs(world, 1)}
    one = sweep.sweep(world, shocks, tmp_path / "a", executor=threads, progress=False, elasticity=4.0)
    two = sweep.sweep(world, shocks, tmp_path / "b", workers=1, progress=False, elasticity=4.0)
    assert one.equals(two)


def test_a_store_of_another_sweep_is_refused(tmp_path: Path, threads: ThreadPoolExecutor) -> None:
    world = without_inputs(0, 3, 2)
    shocks = {"war": tariffs(world, 1)}
    sweep.sweep(world, shocks, tmp_path / "s", executor=threads, progress=False, elasticity=4.0)
    with pytest.raises(OptionError, match="options"):
        sweep.sweep(world, shocks, tmp_path / "s", executor=threads, progress=False, elasticity=5.0)
    other = {"war": tariffs(world, 2)}
    with pytest.raises(OptionError, match="scenario war"):
        sweep.sweep(world, other, tmp_path / "s", executor=threads, progress=False, elasticity=4.0)
    with pytest.raises(OptionError, match="names may hold"):
        sweep.sweep(world, {"a/b": None}, tmp_path / "t", executor=threads, progress=False, elasticity=4.0)


def test_draws_are_what_solving_under_the_same_elasticities_gives(
    tmp_path: Path, threads: ThreadPoolExecutor
) -> None:
    world = without_inputs(0, 3, 2)
    shock = tariffs(world, 1)
    table = sweep.sweep(world, {"war": shock}, tmp_path / "s", draws=4, executor=threads, **SETTINGS)
    for k in range(4):
        theta = elasticities.draw(SETTINGS["draw_from"], world.sectors, np.random.default_rng([3, k]))
        alone = solve(world, shock, elasticity=[float(v) for v in theta])
        found = table.filter(pl.col("draw") == k)["welfare_pct"].to_numpy()
        np.testing.assert_allclose(found, alone["welfare_pct"], atol=1e-7)


def test_elasticities_beside_a_set_to_draw_from_are_refused(
    tmp_path: Path, threads: ThreadPoolExecutor
) -> None:
    world = without_inputs(0, 3, 2)
    for own in (9, np.array([4.0, 4.0])):
        with pytest.raises(OptionError, match="draws replace elasticities"):
            sweep.sweep(world, {"none": None}, tmp_path / "s", elasticity=own, executor=threads, **SETTINGS)


def test_named_elasticities_and_draws() -> None:
    sectors = reference().sectors
    e = elasticities.estimates("caliendo-parro-2015", sectors)
    at = sectors.index("TEX")
    assert (e.value[at], e.standard_error[at]) == (8.10, 1.28)
    assert e.value[sectors.index("ELC")] == pytest.approx((12.95 + 3.95 + 8.71) / 3)
    assert (elasticities.estimates("uniform-4", sectors).value == 4).all()
    short = "boehm-levchenko-pandalai-nayar-2023-short"
    assert (elasticities.estimates(short, sectors).value == 0.76).all()
    draws = [
        elasticities.draw("caliendo-parro-2015", sectors, np.random.default_rng([1, k])) for k in range(400)
    ]
    assert np.mean(draws, axis=0)[at] == pytest.approx(8.10, abs=0.3)
    assert np.std(draws, axis=0)[at] == pytest.approx(1.28, abs=0.15)
    assert np.min(draws) >= elasticities.LEAST_DRAWN
    with pytest.raises(Unresolved, match="no published error"):
        elasticities.draw(short, sectors, np.random.default_rng(0))
    with pytest.raises(Unresolved, match="S0"):
        elasticities.estimates("caliendo-parro-2015", ["S0"])
