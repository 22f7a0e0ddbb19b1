"""What must hold on every world, and what must be refused."""

import math
import warnings
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose

from entrepot.content import (
    KWW_TERMS,
    content_of,
    decompose,
    koopman_wang_wei,
    participation,
    position,
    trace,
)
from entrepot.content.leontief import LARGE, System, by_economy, solve_from_left
from entrepot.errors import Unresolved, WorldError
from entrepot.world import World, dataset, reference
from entrepot.world.folders import read_cp2015, read_icio_parameters, read_liberation_day, read_world_2017
from worlds import random_calibrated, random_table

SEEDS = st.integers(0, 10**6)


def worlds() -> st.SearchStrategy[World]:
    sizes = st.tuples(SEEDS, st.integers(1, 5), st.integers(1, 4))
    made = sizes.map(lambda a: random_calibrated(*a))
    return st.one_of(
        sizes.map(lambda a: random_table(*a)), made, SEEDS.map(lambda k: random_table(k, idle=True))
    )


def assert_identities(world: World) -> None:
    traced = trace(world)
    assert_allclose(traced["content_share"].sum("origin"), 1, atol=1e-10)
    total = float(traced["exports"].sum()) or 1.0
    assert_allclose(
        traced["content_of_exports"].sum("origin"), traced["exports"].sum("sector"), atol=1e-10 * total
    )
    added = traced["content_of_final_demand"].sum(["sector", "importer"])
    demand = traced["content_of_final_demand"].sum("origin")
    assert_allclose(
        demand, world.final.sum("exporter").transpose("sector", "importer"), atol=1e-9 * float(added.sum())
    )
    gdp = value_added(world)
    assert_allclose(added, gdp, atol=1e-10 * gdp.sum())


def value_added(world: World) -> np.ndarray:
    """GDP at basic prices with duties on inputs, straight from sales and purchases."""
    if world.is_table:
        return world.data["value_added"].values.sum(axis=1)
    paid = np.einsum("jsk,jk->js", world.input_coefficient.values, world.output.values)
    per_unit = np.divide(
        world.flow.values.sum(axis=0),
        world.spending.values,
        out=np.zeros_like(paid),
        where=world.spending.values > 0,
    )
    return (world.output.values.sum(axis=1)) - (paid * per_unit).sum(axis=1)


@settings(max_examples=20, deadline=None)
@given(worlds())
def test_identities_of_content(world: World) -> None:
    assert_identities(world)


@settings(max_examples=20, deadline=None)
@given(worlds(), st.integers(1, 6))
def test_shares_add_up_at_every_tier(world: World, tiers: int) -> None:
    assert_allclose(trace(world, tiers=tiers)["content_share"].sum("origin"), 1, atol=1e-12)


@settings(max_examples=20, deadline=None)
@given(worlds())
def test_exports_are_the_sum_of_their_terms(world: World) -> None:
    terms = decompose(world)
    gross = terms["gross_exports"]
    scale = 1e-10 * (float(gross.max()) or 1.0)
    parts = terms["domestic_value_added"] + terms["domestic_double_counted"]
    parts = parts + terms["foreign_value_added"] + terms["foreign_double_counted"]
    assert_allclose(parts, gross, atol=scale)
    for name, values in terms.items():
        assert float(values.min()) >= -scale, name
    assert (terms["directly_absorbed"] <= terms["absorbed_abroad"] + scale).all()
    nine = koopman_wang_wei(world)
    assert_allclose(sum(nine[t] for t in KWW_TERMS), nine["gross_exports"], atol=10 * scale)
    summed = terms.sum(["sector", "importer"])
    assert_allclose(nine["domestic_double"], summed["domestic_double_counted"], atol=10 * scale)
    home = nine["returned_final"] + nine["returned_intermediate"]
    assert_allclose(home, summed["returned"], atol=10 * scale)
    abroad = nine["dva_final"] + nine["dva_intermediate"] + nine["dva_to_third"]
    assert_allclose(abroad, summed["absorbed_abroad"], atol=10 * scale)


@settings(max_examples=15, deadline=None)
@given(worlds())
def test_value_added_exports_are_those_of_johnson_and_noguera(world: World) -> None:
    used = trace(world)["content_of_final_demand"].sum("sector")
    abroad = used.values.sum(axis=1) - np.diagonal(used.values)
    terms = decompose(world)["absorbed_abroad"].sum(["sector", "importer"])
    assert_allclose(terms, abroad, atol=1e-9 * float(used.sum()))


@settings(max_examples=15, deadline=None)
@given(worlds())
def test_positions_average_to_the_same_length(world: World) -> None:
    """Final use weighted downstreamness = value-added weighted upstreamness = output / GDP (Antràs and Chor
    2018).
    """
    place = position(world)
    assert (place >= 1 - 1e-12).to_array().all()
    final = world.final.values.sum(axis=2)
    output = world.output.values
    assert_allclose((place["downstreamness"].values * final).sum(), output.sum(), rtol=1e-9)
    assert np.isfinite(participation(world).to_array()).all()


def test_identities_on_published_worlds(shared: Path) -> None:
    for world in (
        read_cp2015(shared / "cp2015"),
        read_liberation_day(shared / "liberation-day"),
        read_world_2017(shared / "world-2017-37x23" / "world-revised.npz"),
    ):
        assert_identities(world)
    with pytest.raises(Unresolved, match="flow is not known"):
        trace(read_icio_parameters(shared / "icio-2020-parameters" / "parameters.npz"))


def goods_content(world: World, tiers: float = math.inf) -> tuple[float, float, float, float, float]:
    """CHN in VNM's exports to USA: goods, ELC, TEX; foreign in goods, ELC."""
    value = content_of(trace(world, tiers=tiers), exporter="VNM", importer="USA", sectors=world.sectors[:14])
    share = value.sum("sector") / value.sum()
    own = (value / value.sum("origin")).sel(sector=["ELC", "TEX"])
    china = own.sel(origin="CHN").values
    return (
        float(share.sel(origin="CHN")),
        float(china[0]),
        float(china[1]),
        1 - float(share.sel(origin="VNM")),
        1 - float(own.sel(origin="VNM", sector="ELC")),
    )


def test_the_embedded_world_gives_the_numbers_of_the_recipe() -> None:
    total, electronics, textiles, foreign, foreign_electronics = goods_content(reference())
    assert (round(total, 3), round(electronics, 3), round(textiles, 3)) == (0.202, 0.240, 0.221)
    assert (round(foreign, 3), round(foreign_electronics, 2)) == (0.544, 0.68)
    direct = goods_content(reference(), tiers=1)
    assert (round(direct[0], 3), round(direct[1], 3)) == (0.162, 0.216)


def test_identities_of_the_embedded_world_to_rounding() -> None:
    traced = trace(reference())
    assert_allclose(traced["content_share"].sum("origin"), 1, atol=1e-12)
    gdp = reference().data["gdp"].values
    assert_allclose(traced["content_of_final_demand"].sum(["sector", "importer"]), gdp, rtol=1e-12)
    assert traced.attrs["statement"].startswith("Estimated from facts by balancing")


def test_a_large_system_is_refined_to_the_same_answer() -> None:
    rng = np.random.default_rng(2)
    size = LARGE + 20
    A = rng.lognormal(0, 1, (size, size))
    A *= rng.uniform(0.2, 0.8, size) / A.sum(axis=0)
    one = np.ones((size, 1))
    of = System(
        ("A", "B"),
        tuple(f"{k}" for k in range(size // 2)),
        A,
        np.ones(size),
        1 - A.sum(axis=0),
        one,
        one,
        one,
    )
    rows = by_economy(of, of.value_added)
    assert_allclose(solve_from_left(of, rows), rows @ np.linalg.inv(np.eye(size) - A), atol=1e-11)


def test_years_stream() -> None:
    labels = [str(y) for y in range(2000, 2004)]
    found = trace((label, random_calibrated(int(label))) for label in labels)
    assert list(found["world"].values) == labels
    assert_allclose(found["content_share"].sel(world="2002"), trace(random_calibrated(2002))["content_share"])
    assert found.sizes["world"] == 4
    with pytest.raises(WorldError, match="no world to trace"):
        trace({})


@pytest.mark.parametrize("tiers", [0, -1, 1.5, math.nan])
def test_tiers_are_whole_numbers_from_one(tiers: float) -> None:
    with pytest.raises(WorldError, match="give a whole number from 1"):
        trace(random_calibrated(1), tiers=tiers)


def test_a_singular_system_is_named() -> None:
    """A sector whose only input is itself holds no value added at any tier."""
    Z = np.zeros((1, 2, 1, 2))
    Z[0, 0, 0, 0] = 5.0
    world = World(
        dataset(
            ["AAA"],
            ["LOOP", "REST"],
            {"intermediate": Z, "final": [[[0.0], [3.0]]], "value_added": [[0.0, 3.0]]},
        )
    )
    for ask in (trace, decompose, position):
        with pytest.raises(WorldError, match=r"singular.*economy AAA, sector LOOP"):
            ask(world)


def test_idle_sectors_are_zero_not_nan() -> None:
    world = random_table(11, idle=True)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for result in (
            trace(world),
            decompose(world),
            koopman_wang_wei(world),
            position(world),
            participation(world),
        ):
            assert all(np.isfinite(v).all() for v in result.values())
    assert float(trace(world)["exports"].sel(exporter="E0", sector="S1").sum()) == 0


def test_many_tiers_are_all_tiers() -> None:
    world = random_table(8)
    assert_allclose(trace(world, tiers=500)["content_share"], trace(world)["content_share"], atol=1e-12)


def test_direct_content_is_what_was_bought() -> None:
    world = random_table(5)
    direct = trace(world, tiers=1)["content_share"]
    bought = world.data["intermediate"].sum("sector") / world.output.rename(
        economy="importer", sector="using_sector"
    )
    for origin in world.economies:
        for exporter in set(world.economies) - {origin}:
            assert_allclose(
                direct.sel(origin=origin, exporter=exporter), bought.sel(exporter=origin, importer=exporter)
            )
