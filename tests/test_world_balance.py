"""Balancing meets its totals, keeps signs and zeros, and names conflicts; aggregation conserves."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose

from entrepot.content import trace
from entrepot.errors import UnknownCode, WorldError
from entrepot.world import reference
from entrepot.world.aggregate import aggregate, to_table
from entrepot.world.balance import Totals, fit, gras
from entrepot.world.rebalance import rebalance
from worlds import random_calibrated, random_table

SEEDS = st.integers(0, 10**6)


def matrix(seed: int, *, negatives: bool) -> np.ndarray:
    rng = np.random.default_rng(seed)
    made = rng.lognormal(0, 1, (4, 5)) * (rng.random((4, 5)) > 0.2)
    made[0], made[:, 0] = rng.lognormal(0, 1, 5), rng.lognormal(0, 1, 4)
    if negatives:
        made[1, 1], made[2, 3] = -0.3, -0.2
    return made


@settings(max_examples=25, deadline=None)
@given(SEEDS, st.booleans())
def test_gras_meets_totals_and_keeps_signs(seed: int, negatives: bool) -> None:
    start = matrix(seed, negatives=negatives)
    goal = start * np.exp(np.random.default_rng(seed + 1).normal(0, 0.4, start.shape))
    fitted = gras(start, goal.sum(axis=1), goal.sum(axis=0))
    assert_allclose(fitted.sum(axis=0), goal.sum(axis=0), rtol=1e-6, atol=1e-8)
    assert_allclose(fitted.sum(axis=1), goal.sum(axis=1), rtol=1e-6, atol=1e-8)
    assert (np.sign(fitted) == np.sign(start)).all()


def test_gras_by_hand() -> None:
    """One row with a positive and a negative cell: r P - N / r = total, r = (t + sqrt(t^2 + 4 P N)) /
    (2 P).
    """
    fitted = fit(
        np.array([4.0, -1.0]), [Totals("row", np.zeros(2, dtype=int), np.array([5.0]), ["one"])]
    ).cells
    r = (5 + np.sqrt(25 + 16)) / 8
    assert_allclose(fitted, [4 * r, -1 / r], rtol=1e-12)


def test_gras_keeps_a_balanced_matrix() -> None:
    start = matrix(3, negatives=True)
    assert_allclose(gras(start, start.sum(axis=1), start.sum(axis=0)), start, rtol=1e-12)


def test_ras_is_the_textbook_biproportion() -> None:
    start = matrix(4, negatives=False)
    goal = start * np.arange(1, 6) * np.arange(2, 6)[:, None]
    assert_allclose(gras(start, goal.sum(axis=1), goal.sum(axis=0)), goal, rtol=1e-7)


def test_three_dimensions_and_fixed_cells() -> None:
    rng = np.random.default_rng(1)
    start = rng.lognormal(0, 0.5, (3, 3, 3))
    goal = start * rng.lognormal(0, 0.2, start.shape)
    goal[0, 0, 0] = start[0, 0, 0]
    i, j, k = (x.ravel() for x in np.indices(start.shape))
    sets = [
        Totals("pair", 3 * i + j, goal.sum(axis=2).ravel(), [f"{a}{b}" for a in range(3) for b in range(3)]),
        Totals("sector", k, goal.sum(axis=(0, 1)), list("abc")),
    ]
    free = np.ones(start.shape)
    free[0, 0, 0] = 0
    fitted = fit(start, sets, mobility=free).cells
    assert fitted[0, 0, 0] == start[0, 0, 0]
    assert_allclose(fitted.sum(axis=2), goal.sum(axis=2), rtol=1e-8)
    assert_allclose(fitted.sum(axis=(0, 1)), goal.sum(axis=(0, 1)), rtol=1e-8)


def test_less_mobile_cells_move_less() -> None:
    both = np.zeros(2, dtype=int)
    moved = fit(
        np.array([1.0, 1.0]), [Totals("t", both, np.array([4.0]), ["one"])], mobility=np.array([1.0, 0.2])
    ).cells
    assert moved[0] > moved[1] > 1
    assert_allclose(moved.sum(), 4, rtol=1e-9)


def test_an_unreliable_total_gives_way() -> None:
    """Two totals of one cell conflict; the one of lower reliability gives way to the exact one."""
    at = np.zeros(1, dtype=int)
    exact = Totals("census", at, np.array([2.0]), ["x"])
    assert_allclose(fit(np.ones(1), [Totals("guess", at, np.array([4.0]), ["x"], 0.5), exact]).cells, 2)
    assert_allclose(fit(np.ones(1), [Totals("guess", at, np.array([4.0]), ["x"], 0.5)]).cells, 2)  # sqrt(4)
    with pytest.raises(WorldError, match=r"totals conflict.*(guess|census) x is"):
        fit(np.ones(1), [Totals("guess", at, np.array([4.0]), ["x"]), exact])


def test_impossible_totals_are_named() -> None:
    with pytest.raises(WorldError, match="row totals sum to 3 and column totals to 4"):
        gras(np.ones((2, 2)), np.array([1.0, 2.0]), np.array([2.0, 2.0]))
    with pytest.raises(WorldError, match=r"row 1: the total 2 can't be reached.*all zero"):
        gras(np.array([[1.0, 1.0], [0.0, 0.0]]), np.array([1.0, 2.0]), np.array([2.0, 1.0]))
    with pytest.raises(WorldError, match="row 0: the total is no number"):
        fit(np.ones(2), [Totals("row", np.zeros(2, dtype=int), np.array([np.nan]), ["0"])])


@settings(max_examples=25, deadline=None)
@given(SEEDS, st.booleans())
def test_aggregation_conserves_every_total(seed: int, calibrated: bool) -> None:
    world = random_calibrated(seed, 4, 3) if calibrated else random_table(seed, 4, 3, idle=True)
    small = aggregate(world, economies={"E1": "G", "E3": "G"}, sectors={"S0": "A", "S2": "A"})
    assert small.economies == ("E0", "G", "E2")
    assert small.sectors == ("A", "S1")
    for what in ("output", "spending", "income", "revenue", "wage_income", "final_spending"):
        assert_allclose(getattr(small, what).sum(), getattr(world, what).sum(), rtol=1e-10)
    pair = world.flow.sel(exporter="E0", importer=["E1", "E3"]).sum()
    assert_allclose(small.flow.sel(exporter="E0", importer="G").sum(), pair, rtol=1e-12)
    assert_allclose(small.income.sel(economy="G"), world.income.sel(economy=["E1", "E3"]).sum(), rtol=1e-10)


def test_aggregation_to_one_economy_has_only_own_value() -> None:
    world = aggregate(random_table(2), economies={"E0": "W", "E1": "W", "E2": "W"})
    assert_allclose(trace(world)["content_share"], 1, rtol=1e-12)


def test_aggregation_of_the_embedded_world() -> None:
    world = reference()
    small = aggregate(
        world, economies=dict.fromkeys(("KOR", "JPN", "TWN"), "ASIA"), sectors={"ELC": "EE", "ELQ": "EE"}
    )
    assert len(small.economies) == 18
    assert_allclose(small.data["gdp"].sum(), world.data["gdp"].sum(), rtol=1e-14)
    assert int(small.data["basis"].sel(exporter="ASIA", importer="VNM", sector="EE")) == 1
    with pytest.raises(UnknownCode, match="XYZ: no economy of reference-2023"):
        aggregate(world, economies={"XYZ": "A"})


def test_a_table_of_a_calibrated_world_has_the_same_content() -> None:
    for world in (reference(), random_calibrated(6)):
        table = to_table(world)
        assert table.is_table
        assert_allclose(trace(table)["content_share"], trace(world)["content_share"], atol=1e-12)
        assert to_table(table) is table


def test_a_world_is_brought_to_a_later_year() -> None:
    world = random_table(9, 4, 3)
    gdp = {
        c: float(v) * g
        for c, v, g in zip(world.economies, world.wage_income.values, (1.1, 1.05, 0.97, 1.2), strict=True)
    }
    trade = {("E0", "E1"): 1.3 * float(world.flow.sel(exporter="E0", importer="E1").sum())}
    output = {("E2", "S1"): 0.9 * float(world.output.sel(economy="E2", sector="S1"))}
    done = rebalance(world, gdp=gdp, trade=trade, output=output)
    assert_allclose(done.world.wage_income, list(gdp.values()), rtol=1e-7)
    assert_allclose(done.world.flow.sel(exporter="E0", importer="E1").sum(), trade["E0", "E1"], rtol=1e-7)
    assert_allclose(done.world.output.sel(economy="E2", sector="S1"), output["E2", "S1"], rtol=1e-7)
    assert done.residual < 1e-8
    assert done.moves["change"].abs().is_sorted(descending=True)
    assert_allclose(trace(done.world)["content_share"].sum("origin"), 1, atol=1e-10)


def test_rebalancing_to_its_own_totals_moves_nothing() -> None:
    world = random_table(9)
    same = dict(zip(world.economies, world.wage_income.values.tolist(), strict=True))
    assert float(rebalance(world, gdp=same).moves["change"].abs().max()) < 1e-6  # type: ignore[arg-type]


def test_conflicting_targets_are_named() -> None:
    world = random_table(9)
    output = {("E0", "S0"): float(world.output.sel(economy="E0", sector="S0"))}
    trade = {("E0", c): 3 * float(world.output.sel(economy="E0").sum()) for c in world.economies}
    both = {("E0", "S1"): float(world.output.sel(economy="E0", sector="S1"))}
    with pytest.raises(
        WorldError, match=r"totals conflict: after .* (trade E0 to|output E0|sales and costs)"
    ):
        rebalance(world, trade=trade, output=output | both)
    with pytest.raises(UnknownCode, match="ZZZ: no economy"):
        rebalance(world, gdp={"ZZZ": 1.0})


def test_the_embedded_world_of_a_later_year() -> None:
    """GDP up 5 % everywhere: value added follows exactly, sales most of the way (inputs cost information)."""
    world = reference()
    gdp = 1.05 * world.data["gdp"].values
    done = rebalance(world, gdp=dict(zip(world.economies, gdp.tolist(), strict=True)))
    assert_allclose(done.world.wage_income, gdp, rtol=1e-7)
    assert 1.02 < float(done.world.flow.sum() / world.flow.sum()) < 1.05
