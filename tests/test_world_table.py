"""A world holds its accounts together, says where it doesn't, and survives the disk."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose

from entrepot.errors import UnknownCode, Unresolved, WorldError
from entrepot.world import World, dataset, load, save
from worlds import random_calibrated, random_table

SEEDS = st.integers(0, 10**6)


@settings(max_examples=25, deadline=None)
@given(SEEDS, st.integers(1, 5), st.integers(1, 4))
def test_a_closed_world_spends_what_it_earns(seed: int, n: int, s: int) -> None:
    world = random_calibrated(seed, n, s)
    spent = world.final_share * world.income
    use = (world.input_coefficient * world.output.rename(sector="using_sector")).sum("using_sector")
    assert_allclose(spent + use, world.spending, rtol=1e-10)
    assert_allclose(world.deficit.sum(), 0, atol=1e-9 * float(world.output.sum()))
    assert_allclose(world.trade_share.sum("exporter"), 1, rtol=1e-12)


@settings(max_examples=25, deadline=None)
@given(SEEDS, st.booleans())
def test_a_table_and_its_calibration_have_the_same_totals(seed: int, idle: bool) -> None:
    world = random_table(seed, idle=idle)
    assert_allclose(world.output, (world.flow.sum("importer")).rename(exporter="economy"), rtol=1e-12)
    assert_allclose(world.income, world.final.values.sum(axis=(0, 1)), rtol=1e-10)
    assert_allclose(world.final_spending, world.final.values.sum(axis=0).T, rtol=1e-9)


def test_arrays_are_read_only() -> None:
    world = random_calibrated(1)
    with pytest.raises(ValueError, match="read-only"):
        world.flow.values[0, 0, 0] = 1
    world.data["flow"] = world.data["flow"] * 2
    assert_allclose(world.flow, random_calibrated(1).flow)


def test_no_input_links_and_one_sector() -> None:
    flow = np.array([[8.0, 2.0], [1.0, 5.0]])[:, :, None]
    world = World(dataset(["AAA", "BBB"], ["GOODS"], {"flow": flow, "final_share": np.ones((2, 1))}))
    assert_allclose(world.value_added_share, 1)
    assert_allclose(world.input_coefficient, 0)
    assert_allclose(world.deficit, [-1, 1])
    with pytest.raises(Unresolved, match="trade_elasticity is not known"):
        _ = world.trade_elasticity


def broken(**change: np.ndarray) -> World:
    return random_calibrated(3).with_variables(**change)


def test_a_nan_is_named() -> None:
    flow = random_calibrated(3).flow.values.copy()
    flow[1, 2, 0] = np.nan
    with pytest.raises(
        WorldError, match="every flow is a number fails at exporter E1, importer E2, sector S0"
    ):
        broken(flow=flow)


def test_a_table_that_does_not_balance_names_its_worst_cell() -> None:
    flow = random_calibrated(3).flow.values.copy()
    flow[1, 2, 0] *= 1.5
    with pytest.raises(WorldError, match="spending = final demand \\+ use fails at economy E"):
        broken(flow=flow)
    table = random_table(3)
    added = table.data["value_added"].values.copy()
    added[2, 1] *= 1.01
    with pytest.raises(
        WorldError, match="output = inputs \\+ value added \\+ taxes fails at economy E2, sector S1"
    ):
        table.with_variables(value_added=added)


def test_percent_and_transposed_coefficients_are_found() -> None:
    world = random_calibrated(3)
    with pytest.raises(WorldError, match="tariffs are fractions"):
        broken(tariff=100 * world.tariff.values)
    with pytest.raises(WorldError, match="\\[economy, input, user\\]"):
        broken(input_coefficient=world.input_coefficient.values.transpose(0, 2, 1))


def test_purchases_without_output_are_a_fault() -> None:
    table = random_table(4, idle=True)
    Z = table.data["intermediate"].values.copy()
    Z[1, 0, 0, 1] = 1.0
    with pytest.raises(WorldError, match="economy E0, sector S1"):
        table.with_variables(intermediate=Z)


def test_wrong_shapes_labels_and_names() -> None:
    with pytest.raises(WorldError, match="shape"):
        dataset(["A", "B"], ["S"], {"flow": np.ones((2, 2))})
    with pytest.raises(WorldError, match="not unique: A"):
        World(dataset(["A", "A"], ["S"], {"flow": np.ones((2, 2, 1))}))
    with pytest.raises(WorldError, match="no variable of a world"):
        random_calibrated(1).with_variables(colour=1)
    with pytest.raises(UnknownCode, match="XXX: no economy of calibrated 1; there are E0"):
        random_calibrated(1).economy_index("XXX")


@pytest.mark.parametrize("ending", [".nc", ".npz"])
def test_the_disk_keeps_every_bit(tmp_path: Path, ending: str) -> None:
    for number, world in enumerate((random_table(7, idle=True), random_calibrated(7))):
        path = tmp_path / f"{number}{ending}"
        save(world, path)
        again = load(path)
        assert again.data.identical(world.data)
        first = path.read_bytes()
        save(again, path)
        assert path.read_bytes() == first
        path.write_bytes(first[: len(first) // 2])
        with pytest.raises(WorldError, match=str(path.name)):
            load(path)


def test_other_files_are_no_worlds(tmp_path: Path) -> None:
    with pytest.raises(WorldError, match="can't be read"):
        load(tmp_path / "none.nc")
    with pytest.raises(WorldError, match="endings"):
        save(random_table(1), tmp_path / "world.pkl")
    np.savez(tmp_path / "other.npz", a=np.ones(3))
    with pytest.raises(WorldError, match="lacks attrs"):
        load(tmp_path / "other.npz")
