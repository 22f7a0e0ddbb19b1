import math
from pathlib import Path

import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from entrepot import ledger
from entrepot.errors import EntrepotError, LedgerError, UnknownCode
from entrepot.ledger import Ledger

GOOD = "origin,product,value_usd,duty_usd\nVNM,7326.90.8688,100,2.9\nCHN,85171300,50,\n"


def written(folder: Path, content: str | bytes, name: str = "ledger.csv") -> Path:
    path = folder / name
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


def test_a_csv_is_read(tmp_path: Path) -> None:
    found = ledger.read(written(tmp_path, GOOD))
    assert found.table.columns == ["importer", "origin", "product", "value_usd", "duty_usd"]
    assert found.table.rows() == [
        ("USA", "VNM", "7326908688", 100, 2.9),
        ("USA", "CHN", "85171300", 50, None),
    ]
    assert found.notes == ()
    assert found.total() == 150
    with pytest.raises(LedgerError, match="duty_usd isn't known for 1 lines"):
        found.total("duty_usd")


def test_other_names_of_columns_and_economies_are_read(tmp_path: Path) -> None:
    text = (
        "Reporter,Partner,census_code,HS,Value,year,colour,fact.transshipped\n"
        "US,Viet Nam,5520,0101,1.5,2024,red,0.25\nUSA,eu27,0003,01,2,2024,,\n"
    )
    found = ledger.read(written(tmp_path, text))
    assert found.table.rows() == [
        ("USA", "VNM", "0101", "2024", 1.5, 0.25),
        ("USA", "EU27", "01", "2024", 2.0, None),
    ]
    assert found.facts == ("transshipped",)
    assert found.notes == ("columns not used: colour",)


def test_census_codes_serve_where_no_origin_is_given(tmp_path: Path) -> None:
    found = ledger.read(written(tmp_path, "census_code,hs10,value\n5520,7326908688,1\n"))
    assert found.table["origin"].to_list() == ["VNM"]


def test_the_importer_can_be_named(tmp_path: Path) -> None:
    assert ledger.read(written(tmp_path, GOOD), importer="VNM").table["importer"].unique().to_list() == [
        "VNM"
    ]
    with pytest.raises(UnknownCode, match="'XXQ' is unknown"):
        ledger.read(written(tmp_path, GOOD), importer="XXQ")


def test_dates_and_text_facts_are_read(tmp_path: Path) -> None:
    text = "origin,product,value,date,fact.eligible\nVNM,01,1,2025-08-07,true\nVNM,01,1,2025-08-08,false\n"
    found = ledger.read(written(tmp_path, text))
    assert [str(day) for day in found.table["date"]] == ["2025-08-07", "2025-08-08"]
    assert found.table["fact.eligible"].to_list() == [1.0, 0.0]


@pytest.mark.parametrize(
    ("row", "words"),
    [
        ("VMN,7326.90,1,0", r"unknown origin.*row 1 \(line 2\): economy 'VMN' is unknown; near: VNM"),
        (",7326.90,1,0", "origin is missing"),
        ("VNM,7326.9O,1,0", "bad product code.*only digits"),
        ("VNM,,1,0", "product is missing"),
        ("VNM,101210010,1,0", r"lost its leading zero \(0101210010\); keep codes as text"),
        ("VNM,732690868812,1,0", "12 digits; a code has 2, 4, 6, 8 or 10"),
        ("VNM,7326908688.0,1,0", "stored as a number"),
        ("VNM,7726.90,1,0", "unknown product"),
        ("VNM,7326.90,,0", "1 missing value_usd.*value_usd is missing"),
        ("VNM,7326.90,-1,0", "value_usd -1 is negative"),
        ("VNM,7326.90,NaN,0", "value_usd is NaN"),
        ("VNM,7326.90,inf,0", "value_usd is inf"),
        ('VNM,7326.90,"1,234",0', "value_usd '1,234' isn't a number; write 1234.5"),
        ("VNM,7326.90,1 USD,0", "value_usd '1 USD' isn't a number"),
        ("VNM,7326.90,1,-3", "duty_usd -3 is negative"),
        ("VNM,7326.90,1,abc", "duty_usd 'abc' isn't a number"),
    ],
)
def test_a_bad_row_is_reported_with_its_number_and_reason(tmp_path: Path, row: str, words: str) -> None:
    path = written(tmp_path, f"origin,product,value_usd,duty_usd\n{row}\nCHN,8517,1,0\n")
    with pytest.raises(LedgerError, match=words) as caught:
        ledger.read(path)
    message = str(caught.value)
    assert str(path) in message
    assert "1 of 2 rows" in message
    assert "\n" not in message


@pytest.mark.parametrize(
    ("header", "cell", "words"),
    [
        ("fact.transshipped", "1.2", "fact.transshipped 1.2 isn't a share between 0 and 1"),
        ("fact.transshipped", "-0.1", "isn't a share"),
        ("fact.transshipped", "maybe", "'maybe' isn't a number"),
        ("fact.quantity.kg", "-4", "isn't zero or more"),
        ("date", "7.8.2025", "date 7.8.2025 isn't a day such as 2025-08-07"),
        ("period", "", "period is missing"),
        ("importer", "XYZZ", "unknown importer"),
    ],
)
def test_bad_facts_dates_and_importers(tmp_path: Path, header: str, cell: str, words: str) -> None:
    with pytest.raises(LedgerError, match=words):
        ledger.read(written(tmp_path, f"origin,product,value,{header}\nVNM,01,1,{cell}\n"))


def test_facts_that_are_no_shares_may_pass_one(tmp_path: Path) -> None:
    path = written(tmp_path, "origin,product,value,fact.quantity.kg,fact.mfn\nVNM,01,1,250,3.5\n")
    assert ledger.read(path).table.rows() == [("USA", "VNM", "01", 1, 3.5, 250.0)]


def test_a_repeated_key_is_reported_on_every_row_that_has_it(tmp_path: Path) -> None:
    path = written(tmp_path, "origin,product,value\nVNM,7326.90,1\nCHN,01,1\nVNM,732690,2\n")
    with pytest.raises(
        LedgerError, match=r"2 duplicated key.*row 1.*rows 1, 3 have the same importer, origin, product"
    ):
        ledger.read(path)


def test_facts_tell_lines_apart(tmp_path: Path) -> None:
    path = written(tmp_path, "origin,product,value,fact.transshipped\nVNM,7326.90,1,0\nVNM,732690,2,1\n")
    assert ledger.read(path).total() == 3


def test_rejected_rows_can_be_set_aside(tmp_path: Path) -> None:
    text = "origin,product,value,reason\nVNM,01,100,x\n\nVMN,01,7,y\nCHN,01,,z\nCHN,0101,1,z\n"
    aside = tmp_path / "aside.csv"
    found = ledger.read(written(tmp_path, text), rejected=aside)
    assert found.total() == 101
    rows = pl.read_csv(aside, infer_schema=False)
    assert rows.columns == ["row", "line", "reason", "origin", "product", "value", "reason (file)"]
    assert rows.select("row", "line", "origin", "value").rows() == [
        ("2", "4", "VMN", "7"),
        ("3", "5", "CHN", None),
    ]
    assert "economy 'VMN' is unknown" in rows["reason"][0]
    assert any(
        "2 of 4 rows (7 of 108 USD, 1 of them without a usable value) were set aside" in n
        for n in found.notes
    )


def test_nothing_to_set_aside_leaves_an_empty_list(tmp_path: Path) -> None:
    aside = tmp_path / "aside.csv"
    ledger.read(written(tmp_path, GOOD), rejected=aside)
    assert aside.read_text() == "row,line,reason,origin,product,value_usd,duty_usd\n"


def test_no_row_left_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(LedgerError, match="no row can be used"):
        ledger.read(written(tmp_path, "origin,product,value\nVMN,01,1\n"), rejected=tmp_path / "aside.csv")


def test_many_bad_rows_are_counted_and_the_first_shown(tmp_path: Path) -> None:
    rows = "".join(f"VNM,{n:04d},-1\n" for n in range(101, 107)) * 3
    with pytest.raises(LedgerError, match=r"18 of 18 rows.*18 negative value_usd.*and 8 more"):
        ledger.read(written(tmp_path, f"origin,product,value\n{rows}"))


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("a.csv", b"", "the file is empty"),
        ("a.csv", b"\n\n", "no column for origin|only blanks"),
        ("a.csv", b"origin,product,value_usd\n", "the ledger is empty"),
        (
            "a.csv",
            b"\xef\xbb\xbforigin,product,value_usd\n",
            "byte-order mark.*'CSV UTF-8'; save it as plain UTF-8",
        ),
        ("a.csv", b"origin;product;value_usd\nVNM;01;1\n", "separated by semicolons.*';'"),
        ("a.csv", b"origin\tproduct\tvalue_usd\n", "separated by tabs"),
        ("a.csv", "origin,product,value\n".encode("utf-16"), "UTF-16"),
        ("a.csv", "origin,product,value\n".encode("utf-16-le"), "UTF-16"),
        ("a.csv", b"origin,product,value\nVNM,01,1\nC\xf4te,01,1\n", "line 3: byte 0xf4.*Latin-1"),
        ("a.csv", b"origin,value\nVNM,1\n", r"no column for product \(or hs10.*found origin, value"),
        ("a.csv", b"origin,product,value,value\nVNM,01,1,1\n", "names value more than once"),
        ("a.csv", b"origin,product,value,Value\nVNM,01,1,1\n", "'value' and 'Value' have the same name"),
        ("a.csv", b"origin,product,value\nVNM,01,1,5\n", "line 2 has 4 fields, the header 3.*comma"),
        ("a.xlsx", b"PK\x03\x04", "looks like a spreadsheet"),
        ("a.dat", b"origin,product,value\n", "'.dat' is of no known kind"),
        ("a.parquet", b"origin,product,value\n", "no Parquet file"),
        ("a.parquet", b"PAR1 and then nothing", "truncated"),
        ("a.parquet", b"PAR1 nonsense PAR1", "damaged"),
    ],
)
def test_a_file_that_is_no_ledger_says_what_would_do(
    tmp_path: Path, name: str, content: bytes, words: str
) -> None:
    path = written(tmp_path, content, name)
    with pytest.raises(LedgerError, match=words) as caught:
        ledger.read(path)
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_missing_file_and_a_directory(tmp_path: Path) -> None:
    with pytest.raises(LedgerError, match="no such file"):
        ledger.read(tmp_path / "none.csv")
    with pytest.raises(LedgerError, match="is a directory"):
        ledger.read(tmp_path)


def test_parquet_types(tmp_path: Path) -> None:
    frame = pl.DataFrame({"origin": ["VNM", "CHN"], "hs10": [7326908688, 101210010], "value": [1, 2]})
    frame.write_parquet(tmp_path / "integers.parquet")
    with pytest.raises(
        LedgerError, match=r"1 of 2 rows.*row 2: product '101210010'.*leading zero.*keep codes as text"
    ):
        ledger.read(tmp_path / "integers.parquet")
    frame.with_columns(pl.col("hs10").cast(pl.Float64)).write_parquet(tmp_path / "floats.parquet")
    with pytest.raises(LedgerError, match=r"2 bad product code.*stored as a number; keep codes as text"):
        ledger.read(tmp_path / "floats.parquet")
    frame.select("origin", pl.lit("01").alias("hs"), value=pl.lit([1])).write_parquet(
        tmp_path / "lists.parquet"
    )
    with pytest.raises(LedgerError, match="column value_usd holds List"):
        ledger.read(tmp_path / "lists.parquet")


def test_a_member_inside_its_group_counts_once(tmp_path: Path) -> None:
    path = written(tmp_path, "origin,product,value\nEU27,01,100\nSVK,01,7\nVNM,01,1\n")
    found = ledger.read(path)
    assert found.overlaps().rows() == [("USA", "SVK", "EU27", 7)]
    assert found.notes == (
        "SVK also stands inside EU27: sums that don't list origins leave its 7 USD out, "
        "so that no trade counts twice",
    )
    assert found.total() == 101
    assert found.sums()["value_usd"].to_list() == [101]
    assert found.sums(["product"])["value_usd"].to_list() == [101]
    assert found.sums(["origin"])["value_usd"].to_list() == [100, 7, 1]


def test_sums_keep_an_unknown_duty_unknown(tmp_path: Path) -> None:
    text = "origin,product,value,duty\nVNM,0101,1,0.5\nVNM,0102,1,\nVNM,02,2,0.25\n"
    found = ledger.read(written(tmp_path, text)).sums(["hs2"])
    assert found.rows() == [("01", 2, None), ("02", 2, 0.25)]


def test_sums_know_their_dimensions(tmp_path: Path) -> None:
    found = ledger.read(written(tmp_path, GOOD))
    assert found.sums(["importer", "hs4"])["hs4"].to_list() == ["7326", "8517"]
    with pytest.raises(
        LedgerError, match=r"can't sum by 'period'; by importer, origin, product, hs2, .* it can"
    ):
        found.sums(["period"])
    with pytest.raises(LedgerError, match="there is no colour"):
        found.total("colour")
    with pytest.raises(LedgerError, match=r"as .parquet or .csv"):
        found.write(tmp_path / "ledger.xlsx")


PRODUCTS = ("01012100", "73269086", "7326908688", "84715001", "85171300", "9801", "0101", "27")
ORIGINS = ("VNM", "CHN", "EU27", "SVK", "DEU", "MEX", "CAN")
MONEY = st.floats(0, 1e12, allow_nan=False, allow_infinity=False)


@st.composite
def ledgers(draw: st.DrawFn) -> Ledger:
    keys = draw(
        st.lists(st.tuples(st.sampled_from(ORIGINS), st.sampled_from(PRODUCTS)), min_size=1, unique=True)
    )
    money = draw(st.lists(st.tuples(MONEY, MONEY), min_size=len(keys), max_size=len(keys)))
    shares = draw(st.lists(st.none() | st.floats(0, 1), min_size=len(keys), max_size=len(keys)))
    table = pl.DataFrame(
        {
            "importer": ["USA"] * len(keys),
            "origin": [origin for origin, _ in keys],
            "product": [product for _, product in keys],
            "value_usd": [value for value, _ in money],
            "duty_usd": [duty for _, duty in money],
            "fact.transshipped": pl.Series(shares, dtype=pl.Float64),
        }
    )
    return Ledger(table, "drawn", ())


@given(ledgers(), st.sampled_from([["origin"], ["hs2"], ["hs6", "importer"], ["product", "origin"], []]))
def test_sums_conserve_value(drawn: Ledger, by: list[str]) -> None:
    counted = drawn.table["value_usd"].sum() if "origin" in by else drawn.total()
    assert math.isclose(drawn.sums(by)["value_usd"].sum(), counted, rel_tol=1e-12)


@given(
    ledgers(), st.sets(st.sampled_from(["7326908688", "7326908630", "8471500150", "0101210010", "27090010"]))
)
def test_splitting_conserves_value_duty_and_origins(drawn: Ledger, codes: set[str]) -> None:
    split, report = drawn.split_to(codes)
    # To a millionth of a dollar: less than that can't be shared in double precision.
    for column in ("value_usd", "duty_usd"):
        before = drawn.sums(["origin"]).select("origin", column).rows()
        after = split.sums(["origin"]).select("origin", column).rows()
        assert all(
            o == p and math.isclose(v, w, rel_tol=1e-9, abs_tol=1e-6)
            for (o, v), (p, w) in zip(before, after, strict=True)
        )
    untouched = ~pl.col("product").is_in(list(report.products))
    assert split.table.filter(untouched & (pl.col("product").str.len_chars() < 10)).equals(
        drawn.table.filter(untouched & (pl.col("product").str.len_chars() < 10))
    )
    assert split.table.height == drawn.table.height - report.lines + report.into


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(drawn=ledgers(), ending=st.sampled_from([".csv", ".parquet"]))
def test_what_is_written_reads_back_the_same(drawn: Ledger, ending: str, tmp_path: Path) -> None:
    path = tmp_path / f"ledger{ending}"
    drawn.write(path)
    assert ledger.read(path).table.equals(drawn.table)


def test_only_lines_with_finer_codes_are_split() -> None:
    split, report = ledger.embedded().split_to(["7326908688", "73", "8517130000"])
    assert report.products == ("73269086", "85171300")
    assert report.unsplit == ()
    assert "were split into" in str(report)
    assert split.notes == (str(report),)
    below = split.table.filter(pl.col("product").str.starts_with("73269086"))
    assert below["product"].str.len_chars().unique().to_list() == [10]
    assert split.total() == pytest.approx(ledger.embedded().total(), rel=1e-12)


def test_a_line_without_known_shares_stays_whole_and_is_reported() -> None:
    table = pl.DataFrame({"importer": "USA", "origin": "VNM", "product": ["72999999"], "value_usd": [5.0]})
    split, report = Ledger(table, "one line").split_to(["7299999910"])
    assert split.table.equals(table)
    assert (report.lines, report.unsplit, report.unsplit_value_usd) == (0, ("72999999",), 5.0)
    assert "1 products (5 USD) stay whole" in str(report)


def test_nothing_finer_splits_nothing() -> None:
    split, report = ledger.embedded().split_to(["7326"])
    assert split.table.equals(ledger.embedded().table)
    assert str(report) == ""
    assert split.notes == ()


def test_the_embedded_ledger_passes_the_checks(tmp_path: Path) -> None:
    embedded = ledger.embedded()
    embedded.write(tmp_path / "embedded.parquet")
    again = ledger.read(tmp_path / "embedded.parquet")
    assert again.notes == ()
    assert again.table.equals(embedded.table)
    claimed = embedded.table.filter(pl.col("fact.programme.USMCA").is_not_null())
    assert set(claimed["origin"]) == {"CAN", "MEX"}
    assert ledger.embedded() is embedded


def test_the_embedded_ledger_is_the_full_one_by_8_digits(shared: Path) -> None:
    full = ledger.read(shared / "us-imports-2024" / "imports.parquet")
    assert full.table.height == 209_616
    assert [note for note in full.notes if "SVK also stands inside EU27" in note]
    assert full.overlaps()["value_usd"].to_list() == [8_141_337_864]
    kept = Ledger(full.counted_once(), "full").sums(["importer", "origin", "hs8"]).rename({"hs8": "product"})
    assert kept.equals(ledger.embedded().table.select(kept.columns))


def test_every_error_is_one_a_user_can_mend() -> None:
    assert issubclass(LedgerError, EntrepotError)
