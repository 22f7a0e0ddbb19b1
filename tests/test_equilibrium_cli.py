"""`entrepot solve` and `entrepot optimal`: the contract of the CSV, presets, and one paragraph for what is wrong."""

import json
from pathlib import Path

import polars as pl
import pytest
import xarray as xr
from typer.testing import CliRunner, Result

from entrepot.cli import app
from entrepot.errors import EntrepotError

HEADER = (
    "economy,welfare_pct,real_wage_pct,employment_pct,prices_pct,exports_gdp_pct,imports_gdp_pct,deficit_pct,"
    "revenue_share"
)


def run(*args: object) -> Result:
    return CliRunner().invoke(app, [str(a) for a in args])


@pytest.fixture
def tariffs(tmp_path: Path) -> Path:
    file = tmp_path / "tariffs.csv"
    file.write_text(
        "importer,exporter,sector,rate\nUSA,*,*,10%\nUSA,CHN,*,0.54\nUSA,CHN,ELC,0.2\n", encoding="utf-8"
    )
    return file


def test_csv_has_the_columns_of_the_contract(tariffs: Path) -> None:
    result = run("solve", "--world", "reference-2023", "--tariffs", tariffs)
    assert result.exit_code == 0
    lines = result.stdout.splitlines()
    assert lines[0] == HEADER
    assert len(lines) == 21
    assert lines[1].startswith("USA,")


def test_all_formats_hold_the_same_numbers(tariffs: Path, tmp_path: Path) -> None:
    tables = {}
    for form in ("csv", "json", "parquet", "nc"):
        out = tmp_path / f"result.{form}"
        done = run("solve", "--world", "reference-2023", "--tariffs", tariffs, "--format", form, "--out", out)
        assert done.exit_code == 0
        tables[form] = out
    csv = pl.read_csv(tables["csv"])
    assert csv.equals(pl.read_parquet(tables["parquet"]))
    described = json.loads(tables["json"].read_text(encoding="utf-8"))
    assert described["economies"][0]["welfare_pct"] == csv["welfare_pct"][0]
    assert described["attributes"]["residual"] <= 1e-10
    with xr.open_dataset(tables["nc"], engine="scipy") as full:
        assert full["welfare_pct"].values.tolist() == csv["welfare_pct"].to_list()
        rate = full["tariff"].sel(importer="USA")
        assert float(rate.sel(exporter="CHN", sector="ELC")) == 0.2
        assert float(rate.sel(exporter="CHN", sector="TEX")) == 0.54
        assert float(rate.sel(exporter="VNM", sector="TEX")) == 0.10
        assert float(rate.sel(exporter="USA", sector="TEX")) == 0


def test_presets_solve_the_published_exercises(shared: Path) -> None:
    for name, folder, published in (
        ("liberation-day", "liberation-day", {"USA": 1.13}),
        ("cp2015-nafta", "cp2015", {"MEX": 1.31, "CAN": -0.06, "USA": 0.08}),
    ):
        result = run("solve", "--world", name, "--data", shared / folder)
        table = pl.read_csv(result.stdout.encode())
        found = dict(table.select("economy", "welfare_pct").iter_rows())
        assert {c: round(found[c], 2) for c in published} == published


def test_optimal_tariffs_of_a_government(tmp_path: Path) -> None:
    options = tmp_path / "options.toml"
    options.write_text('elasticity = 4\ndeficits = "balanced"\n', encoding="utf-8")
    result = run(
        "optimal", "--world", "reference-2023", "--government", "USA", "--uniform", "--options", options
    )
    assert result.exit_code == 0
    row = pl.read_csv(result.stdout.encode()).row(0, named=True)
    assert (row["government"], row["exporter"]) == ("USA", "*")
    assert 0.1 < row["rate"] < 0.5


BAD_TARIFFS = {
    "importer,exporter,rate\nUSA,XXX,0.1\n": "line 2: exporter 'XXX' is no economy",
    "importer,exporter,rate\nUSA,CHN,-1.2\n": "line 2: rate -1.2",
    "importer,exporter,rate\nUSA,CHN,much\n": "line 2: rate 'much'",
    "importer,exporter,rate\nUSA,CHN,20\n": "Write 20% for 20 percent",
    "importer,exporter,rate\nUSA,CHN,2500%\n": "at most 2,000 %",
    "importer,exporter,rate\nUSA,CHN,0,2\n": "line 2: more cells than columns, '2'",
    "importer,exporter,rate,rate\nUSA,CHN,0.1,0.2\n": "a column stands twice",
    "importer,exporter,rate\n\n\nUSA,XXX,0.1\n": "line 4: exporter 'XXX'",
    "importer,exporter,rate\nUSA,CHN,0.1\nUSA,CHN,0.1\n": "stands in line 2 already",
    "importer,exporter,rate\nUSA,*,0.1\n*,CHN,0.2\n": "lines 2 and 3 both set",
    "importer,exporter,rate\nUSA,USA,0.1\n": "taxes its own goods",
    "importer,exporter,sector,rate\nUSA,CHN,CARS,0.1\n": "'CARS' is no sector",
    "importer,origin,rate\nUSA,CHN,0.1\n": "lacks the column exporter",
}


def test_the_narrowest_row_settles_a_cell(tmp_path: Path) -> None:
    file, out = tmp_path / "t.csv", tmp_path / "r.nc"
    file.write_text(
        "importer,exporter,rate\nUSA,*,0.1\n*,CHN,0.2\nUSA,CHN,600%\nVNM,ASEAN,0.3\nVNM,THA,0.05\nTHA,CHN,0.01\n",
        encoding="utf-8",
    )
    # The wide rows meet at USA on CHN only, where a row of its own decides; China taxes nobody's goods but its own.
    done = run("solve", "--world", "reference-2023", "--tariffs", file, "--format", "nc", "--out", out)
    assert done.exit_code == 0, done.exception
    with xr.open_dataset(out, engine="scipy") as r:
        rate = r["tariff"].isel(sector=0)
        assert float(rate.sel(importer="USA", exporter="CHN")) == 6.0
        assert float(rate.sel(importer="USA", exporter="VNM")) == 0.1
        assert float(rate.sel(importer="EU27", exporter="CHN")) == 0.2
        assert float(rate.sel(importer="VNM", exporter="THA")) == 0.05
        assert float(rate.sel(importer="VNM", exporter="MYS")) == 0.3


def test_options_are_laid_over_those_of_a_preset(shared: Path, tmp_path: Path) -> None:
    options = tmp_path / "options.toml"
    options.write_text("most_steps = 300\n", encoding="utf-8")
    where = ("solve", "--world", "liberation-day", "--data", shared / "liberation-day")
    assert run(*where, "--options", options).stdout == run(*where).stdout


def test_answers_are_evaluated_together(tmp_path: Path) -> None:
    options = tmp_path / "options.toml"
    options.write_text('elasticity = 4\ndeficits = "balanced"\n', encoding="utf-8")
    asked = ("optimal", "--world", "reference-2023", "--government", "USA", "--options", options)
    alone, answered = (
        pl.read_csv(run(*asked, *more).stdout.encode()) for more in ((), ("--respond", "CHN,EU27"))
    )
    assert answered["government"].to_list() == ["USA", "CHN", "EU27"]
    assert answered["rate"][0] == pytest.approx(alone["rate"][0])
    # The answers cost the one who began what it had gained, or part of it.
    assert answered["government_welfare_pct"][0] < alone["government_welfare_pct"][0]


def test_a_file_that_cannot_be_written_is_named(tariffs: Path, tmp_path: Path) -> None:
    for form in ("csv", "nc", "parquet"):
        out = tmp_path / "nowhere" / f"x.{form}"
        result = run(
            "solve", "--world", "reference-2023", "--tariffs", tariffs, "--format", form, "--out", out
        )
        assert isinstance(result.exception, EntrepotError)
        assert f"{out}: can't be written" in str(result.exception)


@pytest.mark.parametrize(("text", "words"), BAD_TARIFFS.items(), ids=list(BAD_TARIFFS.values()))
def test_a_bad_tariff_file_is_refused_with_file_and_line(tmp_path: Path, text: str, words: str) -> None:
    file = tmp_path / "bad.csv"
    file.write_text(text, encoding="utf-8")
    result = run("solve", "--world", "reference-2023", "--tariffs", file)
    assert isinstance(result.exception, EntrepotError)
    assert words in str(result.exception)
    assert str(file) in str(result.exception)


@pytest.mark.parametrize(
    ("args", "words"),
    [
        (["solve", "--world", "liberation-day"], "give --data"),
        (["solve", "--world", "liberation-day", "--data", "nowhere"], "nowhere: no folder"),
        (["solve", "--world", "reference-2023"], "--tariffs is missing"),
        (
            ["solve", "--world", "reference-2023", "--tariffs", "nofile.csv"],
            "nofile.csv: can't be read: No such file",
        ),
        (["solve", "--world", "atlantis"], "atlantis: no world"),
        (["optimal", "--world", "reference-2023", "--government", "XXX"], "government XXX"),
        (["optimal", "--world", "reference-2023", "--government", "USA", "--nash"], "--nash needs --respond"),
        (
            ["optimal", "--world", "reference-2023", "--government", "USA", "--uniform", "--by", "partner"],
            "exclude",
        ),
    ],
)
def test_a_bad_command_line_is_one_paragraph(args: list[str], words: str) -> None:
    result = run(*args)
    assert isinstance(result.exception, EntrepotError)
    assert words in str(result.exception)


def test_bad_options_name_the_file(tmp_path: Path, tariffs: Path) -> None:
    options = tmp_path / "options.toml"
    options.write_text("elasticities = 4\n", encoding="utf-8")
    result = run("solve", "--world", "reference-2023", "--tariffs", tariffs, "--options", options)
    assert isinstance(result.exception, EntrepotError)
    assert "options.toml" in str(result.exception)
    assert "elasticity" in str(result.exception)
