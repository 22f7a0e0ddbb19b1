"""Published formats are read by label, and what is wrong with a file is said."""

from pathlib import Path

import numpy as np
import polars as pl
import pytest
from numpy.testing import assert_allclose

from entrepot.content import trace
from entrepot.errors import WorldError
from entrepot.world import World, reference_facts
from entrepot.world.baci import with_baci
from entrepot.world.published import from_pymrio, read_icio, read_sheet
from worlds import random_table

PLACES = ("USA", "CHN", "MEX")


def icio_file(
    path: Path,
    world: World,
    *,
    sectors: tuple[str, str],
    rows: tuple[str, str, str],
    split: bool = False,
    turned: bool = False,
) -> Path:
    """A world as an ICIO file: value added 90 % of what inputs leave, taxes the rest; final demand in
    two columns.
    """
    n, s = len(PLACES), 2
    Z = world.data["intermediate"].values.reshape(n * s, n * s)
    F = world.data["final"].values.reshape(n * s, n)
    left = world.data["value_added"].values.ravel()
    output = Z.sum(axis=1) + F.sum(axis=1)
    labels = [f"{p}_{k}" for p in PLACES for k in sectors]
    cells = {"row": [*labels, *rows]}
    for c, name in enumerate(labels):
        cells[name] = [*Z[:, c], 0.1 * left[c], 0.9 * left[c], output[c]]
    for j, p in enumerate(PLACES):
        for part, category in ((0.7, "HFCE"), (0.3, "GFCF")):
            cells[f"{category}_{p}" if turned else f"{p}_{category}"] = [*(part * F[:, j]), 0, 0, 0]
    cells[rows[2]] = [*output, 0, 0, 0]
    table = pl.DataFrame(cells, strict=False)
    if split:  # China in two parts, a third and two thirds, in rows and columns; final demand stays whole
        for k in sectors:
            whole = f"CHN_{k}"
            table = table.with_columns(
                (pl.col(whole) / 3).alias(f"CN1_{k}"), (pl.col(whole) * 2 / 3).alias(f"CN2_{k}")
            )
            numbers = [c for c in table.columns if c != "row"]
            line = table.filter(pl.col("row") == whole)
            parts = [
                line.with_columns(pl.lit(f"{part}_{k}").alias("row"), *(pl.col(c) * size for c in numbers))
                for part, size in (("CN1", 1 / 3), ("CN2", 2 / 3))
            ]
            table = pl.concat([*parts, table.filter(pl.col("row") != whole)]).drop(whole)
    table.write_csv(path)
    return path


@pytest.fixture(scope="module")
def world() -> World:
    return random_table(21)


EDITIONS = {
    "2023 edition": (("A01_02", "C10T12"), ("TLS", "VA", "OUT")),
    "2021 edition": (("01T02", "10T12"), ("USA_TAXSUB", "VALU", "OUTPUT")),
    "2025 edition": (("A01", "A02"), ("TLS", "VA", "OUT")),
}


@pytest.mark.parametrize("edition", EDITIONS)
@pytest.mark.parametrize("split", [False, True])
def test_icio_editions(tmp_path: Path, world: World, edition: str, split: bool) -> None:
    sectors, rows = EDITIONS[edition]
    read = read_icio(
        icio_file(tmp_path / "ICIO2023_2020.csv", world, sectors=sectors, rows=rows, split=split)
    )
    assert set(read.economies) == set(PLACES)
    assert read.data.attrs["year"] == 2020
    assert str(read.data.attrs["edition"]).startswith(edition)
    assert ("extended (CN1 CN2 merged)" in str(read.data.attrs["edition"])) == split
    order = [PLACES.index(p) for p in read.economies]
    assert_allclose(read.flow, 1e6 * world.flow.values[np.ix_(order, order)], rtol=1e-9)
    assert_allclose(read.data["value_added"], 0.9e6 * world.data["value_added"].values[order], rtol=1e-9)
    assert_allclose(trace(read)["content_share"].sum("origin"), 1, atol=1e-12)


def test_icio_of_2016_is_turned_round(tmp_path: Path, world: World) -> None:
    path = icio_file(
        tmp_path / "t.csv", world, sectors=("C01T05", "C10T14"), rows=("TAX", "VALU", "OUTPUT"), turned=True
    )
    assert_allclose(read_icio(path).final.sum(), 1e6 * world.final.sum(), rtol=1e-9)


def test_icio_faults(tmp_path: Path, world: World) -> None:
    path = icio_file(tmp_path / "t.csv", world, sectors=("A01_02", "A03"), rows=("TLS", "VA", "OUT"))
    text = path.read_text(encoding="utf-8")
    lines = text.splitlines()
    cut = tmp_path / "cut.csv"
    cut.write_text("\n".join(lines[:5]), encoding="utf-8")
    with pytest.raises(WorldError, match=r"cut\.csv: 0 rows of value added"):
        read_icio(cut)
    cut.write_text("\n".join([*lines[:4], *lines[-3:]]), encoding="utf-8")
    with pytest.raises(WorldError, match="no row for the column CHN_A03"):
        read_icio(cut)
    number = float(lines[1].split(",")[1])
    cut.write_text(text.replace(lines[1].split(",")[1], str(number + 50), 1), encoding="utf-8")
    with pytest.raises(WorldError, match=r"row USA A01_02 sums to .*, its printed output is"):
        read_icio(cut)
    cut.write_text(text.replace("USA_A03", "USAA03"), encoding="utf-8")
    with pytest.raises(WorldError, match="USAA03"):
        read_icio(cut)
    with pytest.raises(WorldError, match="can't be read as an ICIO table"):
        read_icio(tmp_path / "none.csv")


def sheet_file(path: Path, world: World, *, adb: bool, broken: bool = False) -> Path:
    openpyxl = pytest.importorskip("openpyxl")
    n, s = len(PLACES), 2
    Z = world.data["intermediate"].values.reshape(n * s, n * s)
    F = world.data["final"].values.reshape(n * s, n)
    left = world.data["value_added"].values.ravel()
    output = Z.sum(axis=1) + F.sum(axis=1)
    book = openpyxl.Workbook()
    page = book.active
    places = [p for p in PLACES for _ in range(s)]
    marks = [f"c{k + 1}" for _ in PLACES for k in range(s)]
    ends = ["F1"] * n if adb else ["c3"] * n
    codes = ["", "", "", ""]
    if adb:
        page.append(["Multiregional input-output table, millions of USD"])
        page.append([*codes, *places, *PLACES, "TOT"])
        page.append([*codes, *marks, *ends, ""])
    else:
        page.append([*codes, *(f"Ind{m}" for m in marks), *(["CONS_h"] * n), "GO"])
        page.append([*codes, *places, *PLACES, "TOT"])
        page.append([*codes, *marks, *ends, "c4"])
    for r in range(n * s):
        side = marks[r] if adb else "r" + marks[r][1:]
        page.append(["x", "industry", places[r], side, *Z[r], *F[r], output[r]])
    names = ("r60", "r64", "r69") if adb else ("II_fob", "VA", "GO")
    page.append(["", "total inputs", "TOT", names[0], *Z.sum(axis=0)])
    page.append(["", "value added at basic prices", "TOT", names[1], *left])
    if not broken:
        page.append(["", "output at basic prices", "TOT", names[2], *output])
    book.save(path)
    return path


@pytest.mark.parametrize("adb", [True, False])
def test_spreadsheets(tmp_path: Path, world: World, adb: bool) -> None:
    pytest.importorskip("fastexcel")
    read = read_sheet(sheet_file(tmp_path / "MRIO-2022.xlsx", world, adb=adb))
    assert read.economies == PLACES
    assert read.sectors == ("c1", "c2")
    assert read.data.attrs["source"] == ("ADB MRIO" if adb else "WIOD 2016")
    assert_allclose(read.flow, 1e6 * world.flow, rtol=1e-9)
    with pytest.raises(WorldError, match="no row of output"):
        read_sheet(sheet_file(tmp_path / "b.xlsx", world, adb=adb, broken=True))
    (tmp_path / "text.xlsx").write_text("not a sheet", encoding="utf-8")
    with pytest.raises(WorldError, match="can't be read as a spreadsheet"):
        read_sheet(tmp_path / "text.xlsx")


def test_what_pymrio_parses() -> None:
    pymrio = pytest.importorskip("pymrio")
    test = pymrio.load_test()
    world = from_pymrio(test, source="pymrio test")
    test.calc_all()
    assert_allclose(world.output.values.ravel() / 1e6, test.x["indout"], rtol=1e-9)
    with pytest.raises(WorldError, match="no factor input wages"):
        from_pymrio(test, source="pymrio test", value_added=["wages"])


CODES = """country_code,country_name,country_iso2,country_iso3
156,China,CN,CHN
344,Hong Kong,HK,HKG
704,Viet Nam,VN,VNM
842,USA,US,USA
490,Other Asia nes,,S19
76,Brazil,BR,BRA
32,Argentina,AR,ARG
"""
BACI = """t,i,j,k,v,q
2023,156,704,851762,1000,1
2023,344,704,851762,500,1
2023,344,156,851762,99,1
2023,156,704,610910,200,1
2023,490,704,854231,700,1
2023,32,842,10121,30,1
2023,156,704,999999,10,1
"""


def test_baci(tmp_path: Path) -> None:
    path = tmp_path / "BACI_HS22_Y2023_V202501.csv"
    path.write_text(BACI, encoding="utf-8")
    facts = reference_facts()
    with pytest.raises(WorldError, match="0 files country_codes"):
        with_baci(facts, path)
    (tmp_path / "country_codes_V202501.csv").write_text(CODES, encoding="utf-8")
    known = with_baci(facts, path)
    chn, vnm, twn = (facts.economies.index(c) for c in ("CHN", "VNM", "TWN"))
    elc, tex = facts.sectors.index("ELC"), facts.sectors.index("TEX")
    assert_allclose(
        known.goods_trade[chn, vnm], 1_710_000
    )  # Hong Kong is China's; its trade with China is home trade
    assert_allclose(known.known[chn, vnm, elc] / known.known[chn, vnm, tex], 1500 / 200)
    assert_allclose(known.known[chn, vnm, : facts.goods].sum(), 1_710_000)
    assert_allclose(known.goods_trade[twn, vnm], 700_000)
    assert_allclose(np.nansum(known.known), 1000 * (1710 + 700 + 30))
    assert not any(c.fit for c in known.constraints)
    path.write_text(BACI.replace("999999,10,", "999999,1000,"), encoding="utf-8")
    with pytest.raises(WorldError, match=r"% of trade is in products without an industry, most in 999999"):
        with_baci(facts, path)
    path.write_text(BACI.replace("2023,32,", "2023,999,"), encoding="utf-8")
    with pytest.raises(WorldError, match="economy code 999 is not in country_codes"):
        with_baci(facts, path)
