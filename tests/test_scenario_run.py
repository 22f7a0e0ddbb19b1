"""Running scenarios: nothing comes of nothing, the same bytes twice, no half-written results, clear errors."""

import errno
import json
import os
import tomllib
from dataclasses import replace
from pathlib import Path

import polars as pl
import pytest
import xarray as xr
from typer.testing import CliRunner

from entrepot import cli
from entrepot import ledger as ledgers
from entrepot.equilibrium.liberation_tables import Cases, average
from entrepot.errors import EntrepotError, ScenarioError
from entrepot.report.scenario import report_files
from entrepot.scenario import Workshop, find_scenario, run
from entrepot.scenario.check import check_scenario
from entrepot.scenario.consequences import _solve
from entrepot.scenario.model import Scenario
from entrepot.scenario.read import ScenarioFile, built_in_names, read_scenario
from entrepot.scenario.resolved import as_toml
from entrepot.scenario.write import checksums, write_folder, write_outcome
from scenarios import NO_CHANGE, scenario


@pytest.fixture(scope="module")
def shop() -> Workshop:
    return Workshop()


def invoke(*words: str) -> str:
    result = CliRunner().invoke(cli.app, words)
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    return result.output


class TestNothing:
    def test_no_change_of_law_changes_nothing(self, tmp_path, shop):
        outcome = run(scenario(tmp_path, NO_CHANGE), shop)
        summary = outcome.summary()
        for column in ("value", "low", "high"):
            assert set(summary[column].drop_nulls()) == {0.0}
        figures = report_files(outcome)
        for name in ("income", "map"):
            frame = pl.read_csv(str(figures[f"figures/{name}.csv"]).encode())
            assert set(frame["value"]) == {0.0}
        for name, column in (
            ("diversion", "moved_usd"),
            ("taken-over", "moved_usd"),
            ("destinations", "change_usd"),
            ("jobs", "change_pct"),
        ):
            frame = pl.read_csv(str(figures[f"figures/{name}.csv"]).encode())
            assert set(frame[column]) == {0.0}
        assert "0\N{NO-BREAK SPACE}%" in str(figures["report.html"])

    def test_no_change_of_tariffs_is_no_duty_change(self, tmp_path, shop):
        v = run(scenario(tmp_path, NO_CHANGE), shop).variations[0]
        assert (v.duties.after == v.duties.before).all()


class TestSameBytes:
    def test_twice_and_again_from_what_was_written(self, tmp_path):
        for out in ("one", "two"):
            invoke("run", "vietnam-10-15", "--out", str(tmp_path / out))
        again = tmp_path / "one" / "vietnam-10-15" / "scenario.toml"
        invoke("run", str(again), "--out", str(tmp_path / "three"))
        one, two, three = (checksums(tmp_path / n / "vietnam-10-15") for n in ("one", "two", "three"))
        assert one == two == three
        texts = {
            (tmp_path / n / "vietnam-10-15" / "provenance.json").read_text() for n in ("one", "two", "three")
        }
        assert len(texts) == 1
        about = json.loads(texts.pop())
        assert about["outputs"] == one
        assert about["versions"]["entrepot"]
        assert any(name.startswith("ledger") for name in about["inputs"])

    def test_overlay_files_and_own_ledgers_travel(self, tmp_path, shop):
        ledgers.embedded().write(tmp_path / "ledger.parquet")
        (tmp_path / "ten.toml").write_text(
            '[[measure]]\nid = "x"\ntitle = "x"\nfamily = "s122"\nreference = "r"\npublished = 2025-04-04\n'
            'from = 2025-04-04\norigins = ["VNM"]\nrate = "10 %"\n'
        )
        file = scenario(
            tmp_path,
            'name = "own"\ntitle = "t"\nquestion = "q"\nledger = "ledger.parquet"\n[base]\non = 2025-04-04\n'
            '[change]\noverlay = { files = ["ten.toml"] }\n',
        )
        folder = write_outcome(run(file, shop), tmp_path / "out", {})
        assert (folder / "inputs" / "ten.toml").is_file()
        second = run(read_scenario(folder / "scenario.toml"), shop)
        write_outcome(second, tmp_path / "again", {})
        first = checksums(folder)
        assert {k: v for k, v in checksums(tmp_path / "again" / "own").items() if k != "scenario.toml"} == {
            k: v for k, v in first.items() if k != "scenario.toml"
        }
        assert float(
            second.variations[0].law.filter(pl.col("origin") == "VNM")["after_rate"][0]
        ) == pytest.approx(
            0.1 + float(second.variations[0].law.filter(pl.col("origin") == "VNM")["before_rate"][0]),
            abs=0.02,
        )

    def test_files_of_one_name_stay_apart(self, tmp_path, shop):
        for folder, rate in (("a", 10), ("b", 30)):
            (tmp_path / folder).mkdir()
            (tmp_path / folder / "over.toml").write_text(
                '[[measure]]\nid = "x"\ntitle = "x"\nfamily = "s122"\nreference = "r"\n'
                f'published = 2025-04-04\nfrom = 2025-04-04\norigins = ["VNM"]\nrate = "{rate} %"\n'
            )
        text = 'name = "two"\ntitle = "t"\nquestion = "q"\n[base]\non = 2025-04-04\n'
        for folder in ("a", "b"):
            text += f'[[variant]]\nname = "{folder}"\ntitle = "{folder}"\n[variant.change]\n'
            text += f'overlay = {{ files = ["{folder}/over.toml"] }}\n'
        first = run(scenario(tmp_path, text), shop)
        folder = write_outcome(first, tmp_path / "out", {})
        assert sorted(p.name for p in (folder / "inputs").iterdir()) == ["over-2.toml", "over.toml"]
        second = run(read_scenario(folder / "scenario.toml"), shop)
        assert second.summary().equals(first.summary())
        assert second.inputs == first.inputs
        assert len([name for name in first.inputs if name.startswith("file ")]) == 2
        again = write_outcome(second, tmp_path / "again", {})
        assert checksums(again) == checksums(folder)

    def test_what_is_written_reads_back_the_same(self):
        for name in built_in_names():
            file = find_scenario(name)
            data = file.scenario.model_dump(mode="python", by_alias=True, exclude_unset=True)
            assert Scenario.model_validate(tomllib.loads(as_toml(data))) == file.scenario


class TestWriting:
    @pytest.fixture
    def outcome(self, tmp_path, shop):
        return run(scenario(tmp_path, NO_CHANGE), shop)

    def test_files_agree_with_each_other(self, tmp_path, outcome):
        folder = write_outcome(outcome, tmp_path / "out", {"report.html": "x"})
        with xr.open_dataset(folder / "results.nc", engine="scipy") as stored:
            assert [str(v) for v in stored["variant"].values] == ["change"]
            nc = stored["real_income_pct"].sel(variant="change").values
        table = pl.read_parquet(folder / "results.parquet")
        assert abs(nc - table["real_income_pct"].to_numpy()).max() < 1e-7
        flows = pl.read_parquet(folder / "flows.parquet")
        assert len(flows) == 20 * 20 * 18

    def test_an_interrupted_run_leaves_what_was_there(self, tmp_path, outcome, monkeypatch):
        folder = write_outcome(outcome, tmp_path / "out", {"report.html": "old"})
        before = checksums(folder)

        def stop(*_: object) -> None:
            raise KeyboardInterrupt

        monkeypatch.setattr("entrepot.scenario.write._write_pages", stop)
        with pytest.raises(KeyboardInterrupt):
            write_outcome(outcome, tmp_path / "out", {"report.html": "new"})
        assert checksums(folder) == before
        assert [p.name for p in (tmp_path / "out").iterdir()] == ["nothing"]

    @pytest.mark.parametrize("old", [True, False])
    @pytest.mark.parametrize("where", ["xarray.Dataset.to_netcdf", "polars.DataFrame.write_parquet",
        "polars.DataFrame.write_csv", "entrepot.scenario.write._write_pages", "entrepot.scenario.write.checksums",
        "pathlib.Path.write_text", "shutil.copyfile"])  # fmt: skip
    def test_a_full_disk_is_said_and_nothing_is_half_written(
        self, tmp_path, outcome, monkeypatch, where, old
    ):
        out = tmp_path / "out"
        before = checksums(write_outcome(outcome, out, {"report.html": "old"})) if old else {}
        asked = replace(outcome, file=self._with_overlay(tmp_path))

        def full(*_: object, **__: object) -> None:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

        with monkeypatch.context() as patched:
            patched.setattr(where, full)
            with pytest.raises(ScenarioError, match="No space left"):
                write_outcome(asked, out, {"report.html": "new"})
        assert [p.name for p in out.iterdir()] == (["nothing"] if old else [])
        assert not old or checksums(out / "nothing") == before

    @staticmethod
    def _with_overlay(folder: Path) -> ScenarioFile:
        """The scenario with a file that travels with its results."""
        (folder / "more.toml").write_text("")
        return scenario(
            folder, NO_CHANGE.replace("[change]\n", '[change]\noverlay = { files = ["more.toml"] }\n')
        )

    @pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
    def test_a_really_full_device(self, tmp_path, outcome):
        def fill(folder: Path) -> None:
            (folder / "x").symlink_to("/dev/full")
            (folder / "x").write_bytes(b"1" * 100_000)

        with pytest.raises(ScenarioError, match="No space left"):
            write_folder(tmp_path / "out", fill)
        assert not (tmp_path / "out").exists()

    def test_another_folder_is_not_replaced(self, tmp_path, outcome):
        mine = tmp_path / "out" / "nothing"
        mine.mkdir(parents=True)
        (mine / "thesis.txt").write_text("years of work")
        with pytest.raises(ScenarioError, match="something else"):
            write_outcome(outcome, tmp_path / "out", {})
        assert (mine / "thesis.txt").read_text() == "years of work"

    @pytest.mark.parametrize("place", ["file/out", "locked/out"])
    def test_an_unwritable_place_is_found_before_the_work(self, tmp_path, place, monkeypatch):
        if place.startswith("locked") and os.geteuid() == 0:
            pytest.skip("root may write into locked folders; the place below a file is refused to all")
        (tmp_path / "file").write_text("")
        (tmp_path / "locked").mkdir(mode=0o500)
        monkeypatch.setattr("entrepot.scenario.run", lambda *_: pytest.fail("worked before it looked"))
        with pytest.raises(ScenarioError, match=f"{place}: results can't be written there: \\w"):
            invoke("run", "vietnam-46", "--out", str(tmp_path / place))

    def test_left_overs_of_a_killed_run_are_cleared(self, tmp_path, outcome):
        (tmp_path / "out" / ".nothing.partial").mkdir(parents=True)
        write_outcome(outcome, tmp_path / "out", {})
        assert [p.name for p in (tmp_path / "out").iterdir()] == ["nothing"]


HEAD = 'name = "s"\ntitle = "t"\nquestion = "q"\n'
LAW = "[base]\non = 2025-04-04\n"
OWN = (
    "[[change.overlay.measure]]\nid = 'x'\ntitle = 'x'\nfamily = 's122'\nreference = 'r'\n"
    "published = 2025-04-04\nfrom = 2025-04-04\norigins = ['VNM']\nrate = '10 %'\n"
)


class TestErrors:
    @pytest.mark.parametrize(
        ("text", "words"),
        [
            (HEAD + LAW + "[chnage]\n", ["unknown key 'chnage'", "near: change"]),
            (HEAD + LAW + "[change]\norigin = ['VNM']\n", ["unknown key 'change.origin'", "origins"]),
            ('title = "t"\nquestion = "q"\n' + LAW, ["key 'name' is missing"]),
            (HEAD, ["[base]"]),
            (HEAD + "focus = []\n" + LAW, ["focus", "found none"]),
            (HEAD + "focus = ['USA', 'VNM', 'USA']\n" + LAW, ["focus", "found USA twice"]),
            (HEAD + LAW + "[change]\ntariffs = 'preset'\n", ["one of the two"]),
            (HEAD + LAW + "[change]\non = 'soon'\n", ["change.on", "'soon'"]),
            (HEAD + LAW + "[[retaliation]]\nhow = 'rate'\n", ["rate"]),
            (HEAD + LAW + "[[retaliation]]\nby = []\nhow = 'mirror'\n", ["`by` names nobody"]),
            (HEAD + "[change]\ntariffs = 'x.csv'\n[[retaliation]]\nhow = 'mirror'\n", ["no [base]"]),
            (HEAD + LAW + "[change]\noverlay = { files = ['gone.toml'] }\n", ["gone.toml", "none beside"]),
            (HEAD + LAW + "[[published]]\nwho='w'\nwhat='w'\noutcome='o'\neconomy='VNM'\nvariant='x'\n"
             "vintage='v'\nsource='s'\nwhy_different='d'\n", ["variant 'x'"]),
            ("name = ", ["not valid TOML"]),
        ],
    )  # fmt: skip
    def test_a_file_that_says_nothing_definite(self, tmp_path, text, words):
        with pytest.raises(ScenarioError) as caught:
            scenario(tmp_path, text)
        assert "s.toml" in str(caught.value)
        assert all(word in str(caught.value) for word in words), caught.value

    @pytest.mark.parametrize(
        ("text", "words"),
        [
            (HEAD + LAW + "[world]\nname = 'atlantis'\n", "atlantis"),
            (
                HEAD + LAW + "[[change.overlay.end]]\nid = 'no-such-measure'\non = 2025-05-01\n",
                "no-such-measure",
            ),
            (HEAD + LAW + "[change]\norigins = ['XXX']\n", "XXX"),
            (HEAD + LAW + "[change]\nfacts = ['trannshipped=VNM:0.1']\n", "trannshipped"),
            (HEAD + LAW + "[options]\nelastic = 4\n", "elastic"),
            (HEAD + LAW + "[change.readings]\nieepa = 'x'\n", "ieepa"),
            (HEAD + "[base]\nbook = 'atlantis'\non = 2025-04-04\n", "atlantis"),
            (HEAD + LAW + "[change.overlay]\nmeasure = [{ id = 'x', rate = 20 }]\n", "measure 'x'"),
            (HEAD + "[world]\nname = 'liberation-day'\n[change]\ntariffs = 'preset'\n", "world.data"),
        ],
    )
    def test_a_file_that_names_what_is_not_there(self, tmp_path, shop, text, words):
        with pytest.raises(EntrepotError, match=words):
            run(scenario(tmp_path, text), shop)

    @pytest.mark.parametrize(
        ("text", "words"),
        [
            (HEAD + "focus = ['ATL', 'USA']\n" + LAW, ["s.toml: focus: 'ATL'", "it has", "VNM"]),
            (HEAD + LAW + "[[retaliation]]\nby = ['VMN']\nhow = 'mirror'\n",
             ["s.toml: retaliation.by: 'VMN'", "near: VNM"]),
            (HEAD + LAW + "[options]\nlabor_supply = 0.5\n", ["s.toml: options", "near: labour_supply"]),
            (HEAD + LAW + "[[sensitivity]]\nlabel = 'l'\noptions = { labor_supply = 0.5 }\n",
             ["s.toml: sensitivity 'l'", "near: labour_supply"]),
            (HEAD + LAW + "[world]\nname = 'reference-2032'\n",
             ["s.toml: world.name: 'reference-2032'", "near: reference-2023"]),
        ],
    )  # fmt: skip
    def test_names_are_checked_before_the_work(self, tmp_path, monkeypatch, text, words):
        monkeypatch.setattr("entrepot.scenario.consequences._asked", lambda *_: pytest.fail("worked first"))
        file = scenario(tmp_path, text)
        for look in (run, check_scenario):
            with pytest.raises(EntrepotError) as caught:
                look(file)
            assert all(word in str(caught.value) for word in words), caught.value

    @pytest.mark.parametrize(
        ("text", "words"),
        [
            ("[base]\non = 1999-02-03\n", "s.toml: base.on: 1999-02-03 is before .* book us, 2024-12-31"),
            (LAW + "[change]\non = 2024-12-30\n", "s.toml: change.on: 2024-12-30 is before"),
            ("[base]\nbook = 'us-2001'\non = 2001-12-08\n", "book us-2001, 2001-12-09"),
        ],
    )
    def test_days_before_the_book(self, tmp_path, text, words):
        file = scenario(tmp_path, HEAD + text)
        for look in (run, check_scenario):
            with pytest.raises(ScenarioError, match=words):
                look(file)

    @pytest.mark.parametrize(
        ("overlay", "words"),
        [
            ("[[change.overlay.end]]\nid = 'ieepa-agricultur'\non = 2025-05-01\n",
             ["s.toml: end.id", "no measure 'ieepa-agricultur'", "near: ieepa-agriculture", "entrepot law list"]),
            (OWN + "sets = ['nosuch.measure']\n",
             ["s.toml: measure 'x': sets: 'nosuch.measure' is not declared", "ieepa.transshipment"]),
            (OWN + "sets = ['ieepa-agriculture']\n", ["sets: 'ieepa-agriculture'", "but a measure", "'ieepa"]),
            (OWN + "unless = ['s322']\n", ["unless: 's322' is not declared", "near: s232"]),
        ],
    )  # fmt: skip
    def test_overlays_that_name_what_is_not_there(self, tmp_path, overlay, words):
        with pytest.raises(EntrepotError) as caught:
            check_scenario(scenario(tmp_path, HEAD + LAW + overlay))
        assert all(word in str(caught.value) for word in words), caught.value

    def test_a_name_that_is_none(self):
        with pytest.raises(ScenarioError, match="near: vietnam-46"):
            find_scenario("vietnam-47")

    def test_draws_need_a_set(self, tmp_path):
        with pytest.raises(ScenarioError, match="draw_from"):
            run(scenario(tmp_path, NO_CHANGE), Workshop(draws=2))


class TestCommands:
    def test_built_in_scenarios_are_sound(self):
        for name in built_in_names():
            file = find_scenario(name)
            assert file.scenario.name == name
            assert file.scenario.source
            assert file.scenario.assumption
            assert check_scenario(file)

    def test_list_new_check(self, tmp_path):
        assert "vietnam-20-40" in invoke("scenario", "list", "--format", "csv")
        path = tmp_path / "My question.toml"
        assert "my-question" in invoke("scenario", "new", str(path))
        assert "variant ten" in invoke("scenario", "check", str(path))
        with pytest.raises(ScenarioError, match="is there already"):
            invoke("scenario", "new", str(path))

    def test_side_by_side(self, tmp_path):
        text = invoke("run", "vietnam-46", "vietnam-10-15", "--out", str(tmp_path))
        assert "side-by-side" in text
        summary = pl.read_csv(tmp_path / "side-by-side" / "summary.csv")
        assert set(summary["scenario"]) == {"vietnam-46", "vietnam-10-15"}


def test_draws_give_bands_and_are_the_same_twice(shop):
    file = find_scenario("vietnam-10-15")
    two = run(file, Workshop(draws=3)).summary()
    assert two.equals(run(file, Workshop(draws=3)).summary())
    row = two.filter(pl.col("economy") == "VNM", pl.col("outcome") == "real_income_pct").row(0, named=True)
    assert row["q05"] < row["q95"] < 0


def test_finished_draws_are_not_solved_again(tmp_path, monkeypatch):
    file = find_scenario("vietnam-10-15")
    first = run(file, Workshop(draws=2, store=tmp_path)).summary()
    assert len(list(tmp_path.glob("*.parquet"))) == 4
    solved = []
    monkeypatch.setattr("entrepot.scenario.consequences._solve", lambda *a: solved.append(a) or _solve(*a))
    assert run(file, Workshop(draws=2, store=tmp_path)).summary().equals(first)
    assert len(solved) == 2 * (1 + len(file.scenario.sensitivity))


LIBERATION = """
name = "case-{case}"
title = "Liberation Day, the paper's own world and tariffs"
question = "Does Table 1 come out of the whole path?"
focus = ["USA", "VNM", "CHN"]
[world]
name = "liberation-day"
data = "{data}"
[change]
tariffs = "{tariffs}"
[options]
{options}
"""


def test_table_1_of_the_liberation_day_paper_comes_out_of_the_whole_path(shared, tmp_path):
    """Ignatenko, Lashkaripour, Macedoni and Simonovska (2025), Table 1: three cases, 36 numbers."""
    data = os.path.relpath(shared / "liberation-day", tmp_path)
    rate = Cases(shared / "liberation-day")._optimal()
    (tmp_path / "optimal.csv").write_text(f"importer,exporter,rate\nUSA,*,{rate!r}\n")
    for case, tariffs, options in (
        (1, "preset", ""), (2, "preset", 'revenue = "lump_sum"'), (3, "optimal.csv", ""),
    ):  # fmt: skip
        text = LIBERATION.format(case=case, data=data, tariffs=tariffs, options=options)
        (tmp_path / f"{case}.toml").write_text(text)
    names = [str(tmp_path / f"{case}.toml") for case in (1, 2, 3)]
    invoke("run", *names, "--out", str(tmp_path / "out"))
    table = pl.read_csv(shared / "liberation-day" / "expected-tables.csv").filter(pl.col("table") == 1)
    assert len(table) == 36
    for row in table.iter_rows(named=True):
        with xr.open_dataset(
            tmp_path / "out" / f"case-{row['case'][0]}" / "results.nc", engine="scipy"
        ) as stored:
            found = average(stored.isel(variant=0), row["variable"], row["economy"])
        assert abs(found - row["value"]) <= 0.5 * 10.0 ** -row["decimals"] * 1.02, row
    page = (tmp_path / "out" / "case-1" / "report.html").read_text()
    assert "United States" in page
