"""The command line through its real entry point: contracts, and a user's mistakes."""

import io
import json
import subprocess
import sys
from datetime import date
from pathlib import Path

import polars as pl
import pytest

TRACKER = str(Path(__file__).resolve().parents[1] / "examples" / "tracker")
WHAT_IF = """
[[measure]]
id = "forty"
title = "Forty percent on goods that passed through"
family = "ieepa"
reference = "a what-if"
published = 2025-07-31
from = 2025-08-07
origins = ["VNM"]
when = [{ fact = "transshipped", is = true }]
rate = "40 %"
sets = ["ieepa", "s232", "s122"]
order = 1000
"""


def test_the_installed_program_runs() -> None:
    program = Path(sys.executable).parent / "entrepot"
    shown = subprocess.run([program, "--help"], capture_output=True, text=True, check=True)
    assert "rates" in shown.stdout
    wrong = subprocess.run(
        [program, "duty", "73AB", "--origin", "VNM", "--on", "2025-08-10"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert wrong.returncode == 2
    assert wrong.stderr.startswith("entrepot: product '73AB'")
    assert "Traceback" not in wrong.stderr


def test_rates_as_csv_has_the_agreed_columns(run) -> None:
    code, out, _ = run(
        "rates", "--book", TRACKER, "--on", "2025-08-07", "--on", "2025-04-05", "--format", "csv"
    )
    table = pl.read_csv(io.StringIO(out), try_parse_dates=True)
    assert code == 0
    assert table.columns == [
        "on",
        "origin",
        "value_usd",
        "base_rate",
        "added_rate",
        "total_rate",
        "added_duty_usd",
    ]
    assert table["on"].unique().sort().to_list() == [date(2025, 4, 5), date(2025, 8, 7)]
    assert len(table) == 100
    assert (table["base_rate"] + table["added_rate"] - table["total_rate"]).abs().max() < 1e-15


def test_rates_by_several_columns_and_formats(run, tmp_path: Path) -> None:
    options = ["--book", TRACKER, "--on", "2025-08-07", "--by", "origin,authority,hs2"]
    code, out, _ = run("rates", *options, "--format", "json")
    rows = json.loads(out)
    assert code == 0
    assert list(rows[0])[:4] == ["on", "origin", "authority", "hs2"]
    file = tmp_path / "rates.parquet"
    assert run("rates", *options, "--format", "parquet", "--out", str(file))[0] == 0
    assert len(pl.read_parquet(file)) == len(rows)


def test_a_what_if_with_a_share_of_transshipped_lines(run, tmp_path: Path) -> None:
    overlay = tmp_path / "what-if.toml"
    overlay.write_text(WHAT_IF)
    options = ["rates", "--book", TRACKER, "--on", "2025-09-01", "--format", "csv", "--with", str(overlay)]
    code, _, error = run(*options)
    assert code == 2
    assert "'transshipped'" in error
    totals = {}
    for share in ("0", "0.161", "1"):
        code, out, _ = run(*options, "--fact", f"transshipped=VNM:{share}")
        assert code == 0
        table = pl.read_csv(io.StringIO(out))
        totals[share] = table.filter(pl.col("origin") == "VNM")["added_rate"][0]
    assert totals["1"] == pytest.approx(0.4)
    assert totals["0.161"] == pytest.approx(0.839 * totals["0"] + 0.161 * totals["1"], rel=1e-12)


def test_duty_adds_up_and_gives_reasons(run) -> None:
    code, out, _ = run(
        "duty",
        "8703.23.0140",
        "--origin",
        "Vietnam",
        "--on",
        "2025-08-10",
        "--value",
        "1,000.50",
        "--book",
        TRACKER,
        "--format",
        "csv",
    )
    table = pl.read_csv(io.StringIO(out))
    parts, total = table.filter(pl.col("measure") != "total"), table.filter(pl.col("measure") == "total")
    assert code == 0
    assert round(parts["duty_usd"].sum(), 2) == total["duty_usd"][0] == 250.13
    assert parts["reason"].null_count() == 0


def test_law_commands(run) -> None:
    code, out, _ = run("law", "timeline", "--book", TRACKER, "--format", "csv")
    assert code == 0
    assert out.startswith("on,in_force,starts,ends\n2025-02-04,")
    code, out, _ = run(
        "law", "list", "--book", TRACKER, "--on", "2025-08-07", "--family", "s232", "--format", "csv"
    )
    assert {row["status"] for row in pl.read_csv(io.StringIO(out)).to_dicts()} == {"in force"}
    code, out, _ = run("law", "show", "s301-brazil.bra", "--book", TRACKER)
    assert code == 0
    assert "USTR Notice of Action" in out
    code, out, _ = run("law", "diff", "2026-02-19", "2026-02-20", "--book", TRACKER, "--format", "csv")
    assert "ieepa-revocation" in out
    code, _, error = run("law", "show", "s301-brasil", "--book", TRACKER)
    assert (code, "near: s301-brazil.bra" in error) == (2, True)


def test_the_panel_writes_tables_series_and_pictures(run, tmp_path: Path) -> None:
    out = tmp_path / "deep" / "out"
    code, printed, _ = run(
        "panel", "--book", TRACKER, "--out", str(out), "--since", "2025-03-01", "--until", "2025-09-01"
    )
    assert code == 0
    assert "VNM" in printed
    daily = pl.read_csv(out / "daily.csv", try_parse_dates=True)
    rates = pl.read_csv(out / "rates.csv", try_parse_dates=True)
    assert daily["on"].n_unique() == 184
    assert (out / "vnm-chn-mex.svg").read_text().startswith("<svg")
    assert (out / "vnm-chn-mex.png").read_bytes().startswith(b"\x89PNG")
    on_change = daily.join(rates, on=["on", "origin"], suffix="_change")
    assert len(on_change) == len(rates)
    assert (on_change["total_rate"] == on_change["total_rate_change"]).all()


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["rates", "--on", "7 August"], ["'7 August'", "YYYY-MM-DD"]),
        (["rates", "--by", "country"], ["'country'", "known: importer, origin"]),
        (["rates", "--by", "authority,family"], ["one of authority, family, measure"]),
        (["rates", "--book", "nowhere"], ["nowhere", "no such folder", "book.toml"]),
        (["rates", "--with", "nothing.toml"], ["nothing.toml", "no such file"]),
        (["rates", "--ledger", "nothing.parquet"], ["nothing.parquet"]),
        (["rates", "--fact", "transhipped=VNM:0.1"], ["transhipped", "near: transshipped"]),
        (["rates", "--fact", "transshipped"], ["NAME=VALUE"]),
        (["rates", "--format", "parquet"], ["--out"]),
        (["rates", "--format", "csv", "--out", "/nowhere/x.csv", "--on", "2025-08-07"], ["/nowhere/x.csv"]),
        (["duty", "7326", "--origin", "XXX", "--on", "2025-08-10"], ["'XXX'", "ISO 3166-1"]),
        (["duty", "7326", "--origin", "VNM", "--on", "2025-08-10", "--value", "many"], ["'many'"]),
        (["panel", "--since", "2026-01-01", "--until", "2025-01-01"], ["is not after"]),
    ],
)
def test_mistakes_end_in_one_paragraph_and_code_2(run, arguments: list[str], words: list[str]) -> None:
    code, _, error = run(*arguments)
    assert code == 2
    assert error.startswith("entrepot: ")
    assert error.count("\n") == 1
    assert [word for word in words if word not in error] == []
