"""`entrepot bill`, `origin` and `source` through their real entry point."""

import json
from pathlib import Path

import polars as pl
import pytest

BILLS = Path(__file__).resolve().parents[1] / "examples" / "bills"
SHOES, HEADSET, CHAIR = (str(BILLS / f"{name}.toml") for name in ("running-shoes", "headset", "chair"))
BANDS = str(BILLS.parent / "content-bands.toml")
LAW = ("--to", "USA", "--on", "2025-10-01", "--with", BANDS)


def test_bill_check_and_show(run) -> None:
    code, out, _ = run("bill", "check", SHOES, HEADSET, CHAIR)
    assert code == 0
    assert out.count("in order") == 3
    code, out, err = run("bill", "show", HEADSET)
    assert code == 0
    assert "main board" in out
    assert "FOB" in out
    assert "illustrative" in err


def test_bill_content_is_a_range_where_suppliers_are_uncertain(run) -> None:
    code, out, _ = run("bill", "content", HEADSET, "--format", "json")
    rows = {row["economy"]: row for row in json.loads(out)}
    assert code == 0
    assert rows["CHN"]["at_least_rate"] < rows["CHN"]["at_most_rate"]
    code, out, err = run("bill", "content", HEADSET, "--world", "reference-2023", "--economy", "China")
    assert code == 0
    assert "estimate" in out
    assert "industry averages of reference-2023" in err


def test_origin_side_by_side_with_duty(run) -> None:
    code, out, _ = run("origin", SHOES, "--rules", "uk-vietnam,chn-30", *LAW, "--fact", "transshipped=false")
    assert code == 0
    for words in ("originating", "not met", "34.48 %", "content.CHN = 0.3448", "landed"):
        assert words in out
    code, out, _ = run("origin", SHOES, "--rules", "uk-vietnam", "--format", "csv")
    assert code == 0
    assert out.startswith("rules,outcome,qualifies")


def test_origin_of_a_table(run, tmp_path: Path) -> None:
    rows = [
        {"bill": "lamp", "product": "940521", "made_in": "VNM"},
        {"bill": "lamp", "part": "shade", "product": "940599", "origin": "CHN", "value_usd": 4.0},
        {"bill": "lamp", "kind": "labour", "value_usd": 6.0},
    ]
    path = tmp_path / "bills.parquet"
    pl.DataFrame(rows, infer_schema_length=None).write_parquet(path)
    code, out, err = run("origin", str(path), "--rules", "uk-vietnam", "--format", "json")
    assert code == 0
    assert json.loads(out)[0]["qualifies"] is True
    assert "1 resolved, they qualify" in err


def test_source_under_a_cap_and_the_frontier(run) -> None:
    facts = ("--fact", "transshipped=false")
    code, out, _ = run("source", SHOES, "--cap", "CHN=0.25", *LAW, *facts, "--evade", "40%,60%")
    assert code == 0
    assert "landed" in out
    assert "keeping the cap" in out
    code, out, _ = run("source", SHOES, "--cap", "CHN=0.3", "--frontier", "--points", "4", "--format", "json")
    costs = [row["landed_usd"] for row in json.loads(out)]
    assert code == 0
    assert costs == sorted(costs)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("bill", "check", "none.toml"), "none.toml"),
        (("bill", "check", str(BILLS)), "no such file"),
        (("origin", CHAIR, "--rules", ","), "at least one"),
        (("origin", CHAIR, "--rules", "uk-vietnm"), "near: uk-vietnam"),
        (("origin", CHAIR, "--to", "USA"), "--to needs --on"),
        (("source", SHOES, "--cap", "CHN=40"), "share from 0 to 1"),
        (("source", SHOES, "--cap", "Chinna=0.3"), "Chinna"),
        (("source", SHOES, "--cap", "CHN=0.01"), "2.85 %"),
        (("source", HEADSET, "--qualify", "cfr-102"), "19 CFR 102"),
        (("source", SHOES, *LAW), "transshipped"),
        (("source", SHOES, "--cap", "CHN=0.3", "--evade", "much"), "two rates"),
        (("bill", "content", SHOES, "--world", "nowhere"), "nowhere"),
    ],
)
def test_a_mistake_is_one_paragraph_and_exit_2(run, arguments: tuple[str, ...], words: str) -> None:
    code, _, err = run(*arguments)
    assert code == 2
    assert words in err
    assert err.startswith("entrepot: ")
    assert err.count("\n") == 1
