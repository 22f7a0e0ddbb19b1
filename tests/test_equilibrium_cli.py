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
    "importer,exporter,rate\nUSA,CHN,54\n": "0.2 for 20 percent",
    "importer,exporter,rate\nUSA,CHN,0.1\nUSA,CHN,0.1\n": "stands in line 2 already",
    "importer,exporter,rate\nUSA,*,0.1\n*,CHN,0.2\n": "lines 2 and 3 both set",
    "importer,exporter,rate\nUSA,USA,0.1\n": "taxes its own goods",
    "importer,exporter,sector,rate\nUSA,CHN,CARS,0.1\n": "'CARS' is no sector",
    "importer,origin,rate\nUSA,CHN,0.1\n": "lacks the column exporter",
}


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
