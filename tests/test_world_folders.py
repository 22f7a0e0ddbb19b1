"""Published calibrations are read by label and unit, and the documented faults of one are found."""

from pathlib import Path

import pytest
from numpy.testing import assert_allclose

from entrepot.errors import Unresolved, WorldError
from entrepot.world import diagnose
from entrepot.world.folders import (
    liberation_day_tariffs,
    read_cp2015,
    read_icio_parameters,
    read_liberation_day,
    read_world_2017,
    world_2017_dataset,
)


def test_cp2015(shared: Path) -> None:
    world = read_cp2015(shared / "cp2015")
    assert (len(world.economies), len(world.sectors)) == (31, 40)
    assert_allclose(world.output.sum(), 48.1e12, rtol=2e-3)
    trade = float(world.flow.sum()) - float(sum(world.flow.values[i, i].sum() for i in range(31)))
    assert_allclose(trade, 3.1e12, rtol=2e-2)
    assert float(world.tariff.sel(exporter="MEX", importer="MEX").sum()) == 0
    assert not world.closed
    assert not world.is_table


def test_liberation_day(shared: Path) -> None:
    world = read_liberation_day(shared / "liberation-day")
    abroad = world.flow.sel(sector="GOODS", exporter="USA").sum() - world.flow.sel(
        sector="GOODS", exporter="USA", importer="USA"
    )
    # The figure is given to four digits, so that it binds to half a thousandth and no further.
    assert_allclose(abroad, 1859e9, rtol=5e-4)
    assert world.closed
    assert_allclose(world.value_added_share, 1)
    tariffs = liberation_day_tariffs(shared / "liberation-day")
    assert float(tariffs.sel(exporter="VNM")) == 0.46


def test_world_2017_revised_and_its_faulty_first_edition(shared: Path) -> None:
    folder = shared / "world-2017-37x23"
    world = read_world_2017(folder / "world-revised.npz")
    use = next(f for f in world.findings() if f.invariant == "spending = final demand + use")
    assert use.miss > 0.1
    assert use.holds  # measured, not demanded, of a world that says it is not closed
    broken = {
        f.invariant for f in diagnose(world_2017_dataset(folder / "world.npz"), closed=False) if not f.holds
    }
    assert {"flow >= 0", "tariff <= 20"} < broken
    assert any("[economy, input, user]" in f for f in broken)
    with pytest.raises(WorldError, match=r"exporter GRC, importer GRC, sector Mining.*3 negative"):
        read_world_2017(folder / "world.npz")


def test_icio_parameters_have_no_flows(shared: Path) -> None:
    world = read_icio_parameters(shared / "icio-2020-parameters" / "parameters.npz")
    assert_allclose(world.deficit.sel(economy="USA"), 633_519e6, rtol=1e-6)
    assert not world.has("flow")
    with pytest.raises(Unresolved, match="flow is not known"):
        _ = world.trade_share


def test_a_folder_that_is_not_whole(shared: Path, tmp_path: Path) -> None:
    with pytest.raises(WorldError, match=r"economies\.csv"):
        read_cp2015(tmp_path)
    cut = tmp_path / "world.npz"
    cut.write_bytes((shared / "world-2017-37x23" / "world-revised.npz").read_bytes()[:50_000])
    with pytest.raises(WorldError, match="can't be read as npz"):
        read_world_2017(cut)
