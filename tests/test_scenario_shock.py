"""From law to shock: what goes in is what `entrepot rates` prints, and nothing is lost on the way."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from typer.testing import CliRunner

from entrepot import cli
from entrepot import ledger as ledgers
from entrepot.content.question import content_table
from entrepot.errors import ScenarioError
from entrepot.scenario import Outcome, Workshop, find_scenario, run
from entrepot.scenario.content import quantiles, with_content
from entrepot.scenario.model import Change, ContentFact
from entrepot.scenario.places import concordance, partners, placed
from entrepot.scenario.read import ScenarioFile, built_in_names
from entrepot.scenario.resolved import as_toml
from entrepot.world import reference
from scenarios import scenario
from worlds import random_calibrated

ANSWERED = """
name = "answer"
title = "t"
question = "q"
[base]
on = 2025-04-04
[change]
on = 2025-04-09
origins = ["VNM"]
[[retaliation]]
by = [{by}]
how = "rate"
rate = "{rate}"
"""


@pytest.fixture(scope="module")
def shop() -> Workshop:
    return Workshop()


@pytest.fixture(scope="module")
def outcomes(shop: Workshop) -> dict[str, Outcome]:
    return {name: run(find_scenario(name), shop) for name in built_in_names()}


def printed(*words: str) -> dict[str, float]:
    """What `entrepot rates --by origin` prints as the added rate."""
    result = CliRunner().invoke(cli.app, ["rates", "--by", "origin", "--format", "csv", *words])
    assert result.exit_code == 0, result.output
    return dict(pl.read_csv(result.stdout.encode()).select("origin", "added_rate").iter_rows())


def command(file: ScenarioFile, change: Change, folder: Path) -> list[str]:
    """The words of `entrepot rates` that ask for the law after a change."""
    base = file.scenario.base
    assert base is not None
    on, as_known = change.on or base.on, change.as_known if change.on is not None else base.as_known
    words = ["--book", base.book, "--on", f"{on}"]
    words += ["--as-known", f"{as_known}"] if as_known is not None else []
    words += [word for fact in change.facts or base.facts for word in ("--fact", fact)]
    for key, reading in (change.readings or base.readings).items():
        words += ["--reading", f"{key}={reading}"]
    if change.overlay.measure:
        (folder / "overlay.toml").write_text(as_toml({"measure": list(change.overlay.measure)}))
        words += ["--with", str(folder / "overlay.toml")]
    if change.content:
        ledger, world = ledgers.embedded(), reference()
        table = ledger.table
        for fact in change.content:
            table, _ = with_content(table, fact, world, concordance(world, None), to="USA")
        replace(ledger, table=table).write(folder / "ledger.parquet")
        words += ["--ledger", str(folder / "ledger.parquet")]
    return words


def fed(outcome: Outcome, variant: str, side: str = "after") -> dict[str, float]:
    """The added rate that went into the world, put together again from what was placed and what wasn't."""
    v = next(v for v in outcome.variations if v.name == variant)
    assert v.law is not None
    return dict(v.law.select("origin", f"{side}_rate").iter_rows())


VARIANTS = [
    (name, variant.name)
    for name in built_in_names()
    for variant, change in find_scenario(name).scenario.changes()
    if change.tariffs is None
]


class TestFedEqualsPrinted:
    def test_every_built_in_scenario_is_asked(self, outcomes):
        assert {name for name, _ in VARIANTS} == set(built_in_names()) == set(outcomes)

    @pytest.mark.parametrize(("name", "variant"), VARIANTS)
    def test_after(self, outcomes, tmp_path, name, variant):
        file = find_scenario(name)
        change = next(c for v, c in file.scenario.changes() if v.name == variant)
        told = printed(*command(file, change, tmp_path))
        found = fed(outcomes[name], variant)
        reached = [o for o in found if not change.origins or o in change.origins]
        assert "VNM" in reached
        assert len(reached) == (1 if change.origins else len(told))
        assert max(abs(found[o] - told[o]) for o in reached) < 1e-12

    @pytest.mark.parametrize("name", built_in_names())
    def test_before(self, outcomes, tmp_path, name):
        file = find_scenario(name)
        told = printed(*command(file, Change(), tmp_path))
        for v in outcomes[name].variations:
            found = fed(outcomes[name], v.name, "before")
            assert found.keys() == told.keys()
            assert max(abs(found[o] - told[o]) for o in told) < 1e-12

    def test_other_origins_keep_the_law_before(self, outcomes):
        before = printed("--on", "2025-04-04")
        found = fed(outcomes["vietnam-46"], "law")
        assert max(abs(found[o] - before[o]) for o in before if o != "VNM") < 1e-12

    @pytest.mark.parametrize("variant", ["law", "announced"])
    def test_cells_and_unplaced_add_up_to_the_law(self, outcomes, variant):
        v = next(v for v in outcomes["vietnam-46"].variations if v.name == variant)
        assert v.cells is not None
        assert v.law is not None
        mine = v.cells.table.filter(pl.col("exporter") == "VNM")
        outside = v.cells.unplaced.filter(pl.col("origin") == "VNM")
        change = float((mine["value_usd"] * mine["change_rate"]).sum()) + float(
            (outside["value_usd"] * (outside["after_rate"] - outside["before_rate"])).sum()
        )
        value = float(mine["value_usd"].sum() + outside["value_usd"].sum())
        law = v.law.filter(pl.col("origin") == "VNM")
        assert value == pytest.approx(law["value_usd"][0], rel=1e-12)
        assert change / value == pytest.approx(law["after_rate"][0] - law["before_rate"][0], rel=1e-10)

    def test_the_world_gets_the_cells(self, outcomes):
        outcome = outcomes["vietnam-46"]
        v = outcome.variations[0]
        assert v.cells is not None
        for row in v.cells.table.iter_rows(named=True):
            if row["exporter"] != "USA":
                tariff = v.result["tariff"].sel(
                    exporter=row["exporter"], importer="USA", sector=row["sector"]
                )
                assert float(tariff) == row["after_rate"]


class TestPlaces:
    def test_value_is_conserved_and_unplaced_codes_are_named(self, outcomes):
        ledger = ledgers.embedded()
        v = outcomes["ieepa-ends"].variations[0]
        assert v.cells is not None
        total = float(v.cells.table["value_usd"].sum() + v.cells.unplaced["value_usd"].sum())
        assert total == pytest.approx(ledger.total(), rel=1e-12)
        assert v.cells.unplaced["hs6"].str.slice(0, 2).is_in(["98", "99"]).any()
        assert (v.cells.unplaced["value_usd"] > 0).all()

    def test_china_is_three_partners_of_the_ledger(self):
        world = reference()
        found = partners(world, ["CHN", "HKG", "VNM", "CHE", "EU27"], {})
        assert dict(found.select("origin", "exporter").iter_rows()) == {
            "CHN": "CHN", "HKG": "CHN", "VNM": "VNM", "CHE": "ROW", "EU27": "EU27",
        }  # fmt: skip

    def test_shares_of_a_product_sum_to_one(self):
        table = concordance(reference(), None)
        sums = table.group_by("hs6").agg(pl.col("share").sum())["share"]
        assert float((sums - 1).abs().max()) < 1e-12

    def test_one_sector_worlds_take_every_product(self):
        table = concordance(random_calibrated(1, s=1), None)
        assert set(table["sector"]) == {"S0"}

    def test_concordance_to_other_sectors_is_refused_with_a_mend(self, tmp_path):
        path = tmp_path / "c.csv"
        path.write_text("hs6,sector,share\n010110,XXX,1.0\n")
        with pytest.raises(ScenarioError, match="XXX"):
            concordance(reference(), path)
        path.write_text("hs6,sector,share\n010110,AGR,0.6\n")
        with pytest.raises(ScenarioError, match=r"sum to 0\.6"):
            concordance(reference(), path)

    def test_placing_splits_by_share(self):
        lines = pl.DataFrame(
            {"origin": ["VNM", "VNM"], "hs6": ["010110", "999999"], "value_usd": [100.0, 7.0]}
        )
        where = pl.DataFrame({"origin": ["VNM"], "exporter": ["VNM"], "share": [1.0]})
        sectors = pl.DataFrame({"hs6": ["010110", "010110"], "sector": ["A", "B"], "share": [0.25, 0.75]})
        inside, outside = placed(lines, where, sectors, ["value_usd"])
        assert inside.sort("sector")["value_usd"].to_list() == [25.0, 75.0]
        assert outside["hs6"].to_list() == ["999999"]


class TestContent:
    def test_quantiles_have_the_mean(self):
        found = quantiles(0.2, 0.1, 10)
        assert found.mean() == pytest.approx(0.2, abs=2e-3)
        assert (np.diff(found) > 0).all()

    def test_lines_have_the_content_of_their_sector_and_keep_their_value(self):
        world, ledger = reference(), ledgers.embedded()
        table, _ = with_content(
            ledger.table, ContentFact(of="CHN", into="VNM", spread=0.1), world, concordance(world, None), to="USA"
        )  # fmt: skip
        assert float(table["value_usd"].sum()) == pytest.approx(ledger.table["value_usd"].sum(), rel=1e-12)
        shoes = table.filter(pl.col("origin") == "VNM", pl.col("product") == "64039960")["fact.content.CHN"]
        content = content_table(world, of="CHN", into="VNM", to="USA")
        assert len(shoes) == 10
        textiles = content.filter(pl.col("sector") == "TEX")["content_rate"][0]
        assert float(shoes.mean()) == pytest.approx(textiles, abs=3e-3)

    def test_band_lies_between_its_rates_and_falls_with_the_threshold(self, outcomes):
        band = outcomes["vietnam-content-band"]
        by_threshold = [fed(band, name)["VNM"] for name in ("t20", "t30", "t40")]
        twenty = fed(outcomes["vietnam-20-40"], "firms")["VNM"]
        assert by_threshold == sorted(by_threshold, reverse=True)
        assert all(twenty - 0.01 < rate < 2 * twenty + 0.03 for rate in by_threshold)

    def test_averages_below_the_threshold_leave_twenty(self, outcomes):
        law = printed("--on", "2025-08-07")["VNM"]
        assert fed(outcomes["vietnam-content-band"], "t30-averages")["VNM"] == pytest.approx(law, rel=1e-12)


class TestRetaliation:
    def test_mirror_answers_with_the_points_each_sector_was_hit_by(self, outcomes):
        alone, answered = outcomes["liberation-day"].variations
        world = outcomes["liberation-day"].world
        v, u = world.economy_index("VNM"), world.economy_index("USA")
        hit = answered.duties.after[v, u] - answered.duties.before[v, u]
        assert hit.max() > 0.3
        assert answered.duties.after[u, v] - answered.duties.before[u, v] == pytest.approx(np.maximum(hit, 0))
        assert not alone.duties.after[u, v].any()
        assert (
            answered.table.filter(pl.col("economy") == "USA")["real_income_pct"][0]
            < alone.table.filter(pl.col("economy") == "USA")["real_income_pct"][0]
        )

    def test_one_rate(self, tmp_path, shop):
        file = scenario(
            tmp_path,
            ANSWERED.format(by='"VNM"', rate="10 %"),
        )
        outcome = run(file, shop)
        world, duties = outcome.world, outcome.variations[0].duties
        u, v, k = (world.economy_index(c) for c in ("USA", "VNM", "KOR"))
        assert set(np.round(duties.after[u, v], 12)) == {0.0, 0.1}
        assert not duties.after[u, k].any()
        assert not duties.unanswered

    def test_an_answer_to_nothing_is_said(self, tmp_path, shop):
        file = scenario(
            tmp_path,
            ANSWERED.format(by='"CHN", "VNM"', rate="50 %"),
        )
        variation = run(file, shop).variations[0]
        assert any(note.startswith("retaliation by CHN changes nothing") for note in variation.notes)


def test_uncovered_goods_are_treated_as_the_scenario_says(tmp_path, shop):
    """Without the ledger's furniture from Vietnam, its sector pays the average, or nothing changes."""
    ledger = ledgers.embedded()
    sectors = concordance(reference(), None).filter(pl.col("sector") == "FUR")["hs6"]
    gone = (pl.col("origin") == "VNM") & pl.col("product").str.slice(0, 6).is_in(sectors.implode())
    replace(ledger, table=ledger.table.filter(~gone)).write(tmp_path / "ledger.parquet")
    text = """
name = "gap"
title = "t"
question = "q"
ledger = "ledger.parquet"
uncovered = "{}"
[base]
on = 2025-04-04
[change]
on = 2025-04-09
origins = ["VNM"]
"""
    found = {}
    for how in ("unchanged", "average"):
        outcome = run(scenario(tmp_path, text.format(how), f"{how}.toml"), shop)
        v = outcome.variations[0]
        found[how] = float(v.result["tariff"].sel(exporter="VNM", importer="USA", sector="FUR"))
        assert any("VNM: FUR" in said for said in v.duties.uncovered)
    assert found["unchanged"] == 0
    assert found["average"] > 0.2
