"""The embedded world follows from its facts, meets them, and says how far to trust it."""

import shutil
from dataclasses import replace
from importlib.resources import files
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from numpy.testing import assert_allclose

from entrepot.errors import UnknownCode, WorldError
from entrepot.world import BASIS
from entrepot.world.estimate import estimate, to_world
from entrepot.world.facts import Facts, read_facts
from entrepot.world.heldout import held_out, mean_errors
from entrepot.world.reference import build, open_world, reference, reference_facts, us_duty_rate

FOLDER = Path(str(files("entrepot") / "data" / "world" / "reference-2023"))


@pytest.fixture(scope="module")
def facts() -> Facts:
    return reference_facts()


def test_it_rebuilds_to_the_same_bytes(tmp_path: Path) -> None:
    build(FOLDER, tmp_path, leave_one_out=False)
    assert (tmp_path / "estimate.nc").read_bytes() == (FOLDER / "estimate.nc").read_bytes()
    shipped = pl.read_csv(FOLDER / "held-out.csv").drop("leave_one_out")
    assert pl.read_csv(tmp_path / "held-out.csv").drop("leave_one_out").equals(shipped)


def test_its_accounts_close_to_rounding() -> None:
    world = reference()
    assert max(f.miss for f in world.findings()) < 1e-12
    assert_allclose(world.wage_income, world.data["gdp"], rtol=1e-12)
    assert float(world.flow.min()) >= 0
    own = np.einsum("iis->is", world.flow.values)
    assert (own / (world.spending.values + 1) > 0.039).all()


def test_it_meets_every_fact(facts: Facts) -> None:
    flow = reference().flow.values
    traded = flow[:, :, : facts.goods] * ~np.eye(20, dtype=bool)[:, :, None]
    assert_allclose(traded.sum(axis=2), facts.goods_trade, rtol=1e-6)
    for c in facts.constraints:
        if c.fit:
            block = traded[np.ix_(c.exporters, c.importers, c.sectors)].sum()
            assert_allclose(
                block / facts.goods_trade[np.ix_(c.exporters, c.importers)].sum(), c.share, rtol=1e-6
            )
    bought = facts.us_imports[1:, : facts.goods]
    shares = traded[1:, 0] / traded[1:, 0].sum(axis=1, keepdims=True)
    assert_allclose(shares, bought / bought.sum(axis=1, keepdims=True), atol=1e-6)


def test_held_out_errors_are_those_of_the_recipe(facts: Facts) -> None:
    errors = mean_errors(held_out(facts, leave_one_out=False))
    assert round(errors["pair", "no_facts"], 3) == 0.095
    assert errors["total", "no_facts"] < 0.0705
    shipped = mean_errors(pl.read_csv(FOLDER / "held-out.csv"))
    assert shipped["pair", "leave_one_out"] < 0.0905
    assert shipped["total", "leave_one_out"] < 0.0625
    assert "Estimated from facts by balancing" in reference().statement


def test_pooling_beats_every_single_prior(facts: Facts) -> None:
    pairs = {
        prior: mean_errors(held_out(facts, prior=prior, leave_one_out=False, rounds=10))["pair", "no_facts"]
        for prior in ("pooled", "flat", "observed", "structure")
    }
    assert min(pairs, key=lambda p: pairs[p]) == "pooled"


def test_basis_says_what_cells_rest_on() -> None:
    basis = reference().data["basis"]
    assert BASIS[int(basis.sel(exporter="VNM", importer="USA", sector="ELC"))] == "census"
    assert BASIS[int(basis.sel(exporter="CHN", importer="VNM", sector="ELC"))] == "fact"
    assert BASIS[int(basis.sel(exporter="ROW", importer="JPN", sector="ENE"))] == "total"
    assert BASIS[int(basis.sel(exporter="THA", importer="IND", sector="MAC"))] == "prior"
    assert BASIS[int(basis.sel(exporter="VNM", importer="VNM", sector="ELC"))] == "derived"


def test_better_trade_data_drop_in(facts: Facts) -> None:
    """With every goods flow pinned, the estimate is those flows, whatever the constraints said."""
    rng = np.random.default_rng(5)
    flow = reference().flow.values.copy()
    flow[:, :, facts.goods :] = np.nan
    flow[np.arange(20), np.arange(20)] = np.nan
    wanted = flow * rng.uniform(0.98, 1.02, flow.shape)
    pinned = facts.with_flows(wanted, basis="published")
    world = to_world(estimate(pinned, rounds=2))
    known = ~np.isnan(wanted)
    assert_allclose(world.flow.values[known], wanted[known], rtol=1e-9)
    assert (world.data["basis"].values[known] == BASIS.index("published")).all()
    one = np.full_like(wanted, np.nan)
    one[1, 2, 8] = 40e9
    partly = to_world(estimate(facts.without("CHN>VNM ELC").with_flows(one, basis="published")))
    assert_allclose(partly.flow.values[1, 2, 8], 40e9, rtol=1e-6)


def test_a_published_table_drops_in(facts: Facts) -> None:
    world = reference()
    again = to_world(estimate(facts.with_table(world)))
    assert_allclose(again.input_coefficient, world.input_coefficient, rtol=1e-12)


def test_contradicting_facts_are_named(facts: Facts) -> None:
    both = tuple(replace(c, share=0.6) if c.id == "CHN>VNM MAC+ELQ" else c for c in facts.constraints)
    with pytest.raises(WorldError, match=r"contradict each other: CHN>VNM .* misses"):
        estimate(facts.with_constraints(both), rounds=5)


@pytest.mark.parametrize(
    ("file", "old", "new", "message"),
    [
        ("gdp-2023.csv", "\nVNM,", "\nXXX,", "gdp-2023.csv, row 4: economy XXX is not known"),
        ("gdp-2023.csv", "VNM,429716969044", "VNM,lots", "holds something that is no number"),
        (
            "input-coefficients.csv",
            "USA,AGR,AGR,0.17",
            "USA,AGR,AGR,0.97",
            "economy USA, sector AGR sum to 1.8",
        ),
        ("constraints.csv", "CHN>VNM ELC,CHN,VNM,ELC,0.277", "CHN>VNM ELC,CHN,VNM,ELC,27.7", "share 27.7"),
        ("constraints.csv", "TWN>VNM ELC,TWN", "KOR>VNM ELC,TWN", "given twice"),
        ("goods-trade-2023.csv", "USA,VNM,", "USA,CHN,", "exporter USA, importer CHN is given 2 times"),
        ("value-added-shares.csv", "USA,ENE,", "USA,AGR,", "is given 2 times"),
        ("economies.csv", "economy,name", "place,name", "lacks the column economy"),
        ("services-trade-2023.csv", "878090187018", "978090187018", "what is sold is bought"),
    ],
)
def test_bad_facts_are_named_by_file_and_row(
    tmp_path: Path, file: str, old: str, new: str, message: str
) -> None:
    folder = tmp_path / "facts"
    shutil.copytree(FOLDER, folder)
    text = (folder / file).read_text(encoding="utf-8")
    assert old in text
    (folder / file).write_text(text.replace(old, new, 1), encoding="utf-8")
    with pytest.raises((WorldError, UnknownCode), match=message.replace(".", r"\.")):
        read_facts(folder)


def test_a_missing_row_is_not_zero(tmp_path: Path) -> None:
    folder = tmp_path / "facts"
    shutil.copytree(FOLDER, folder)
    lines = (folder / "gdp-2023.csv").read_text(encoding="utf-8").splitlines(keepends=True)
    (folder / "gdp-2023.csv").write_text("".join(lines[:-1]), encoding="utf-8")
    with pytest.raises(WorldError, match="no gdp_usd for economy ROW; unknown is not zero"):
        read_facts(folder)


def test_worlds_are_opened_by_name(tmp_path: Path) -> None:
    assert open_world("reference-2023") is reference()
    with pytest.raises(UnknownCode, match="no world; give reference-2023"):
        open_world("reference-2024")


def test_us_duty_rates() -> None:
    rate = us_duty_rate()
    assert 0.1 < float(rate.sel(exporter="CHN", sector="TEX")) < 0.3
    assert np.isnan(rate.sel(exporter="USA", sector="TEX"))
