import polars as pl
import pytest

from entrepot import products
from entrepot.errors import UnknownCode


@pytest.mark.parametrize(
    ("text", "digits"),
    [
        ("7326.90.8688", "7326908688"),
        ("7326.90.86.88", "7326908688"),
        ("7326 90 86 88", "7326908688"),
        (" 732690 ", "732690"),
        ("01", "01"),
        ("0101.21", "010121"),
    ],
)
def test_codes_are_read_as_people_write_them(text: str, digits: str) -> None:
    assert products.parse(text) == digits


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("7326.9O", "only digits"),
        ("", "missing"),
        ("101210010", r"9 digits .* leading zero \(0101210010\); keep codes as text"),
        ("1012100", "7 digits"),
        ("101210010.0", "stored as a number; keep codes as text"),
        ("123456789012", "12 digits; a code has 2, 4, 6, 8 or 10"),
        ("1", "1 digits"),
        ("7.326", "dots and spaces stand between pairs"),
        ("７３", "only digits"),
    ],
)
def test_what_is_no_code_says_what_would_do(text: str, words: str) -> None:
    with pytest.raises(UnknownCode, match=words):
        products.parse(text)


def test_parents() -> None:
    assert products.parents("7326.90.8688") == ("73269086", "732690", "7326", "73")
    assert products.parents("73") == ()


def test_known_products() -> None:
    codes = pl.Series(
        ["73", "7326", "732690", "73269086", "7326908688", "98", "9802008068", "77", "732699", None]
    )
    expected = [True, True, True, True, True, True, True, False, False, False]
    assert products.is_known(codes).to_list() == expected
    assert sorted(products.unknown(codes)) == ["732699", "77"]


def test_older_editions_are_known() -> None:
    assert products.check("851712") == "851712"  # telephones, in HS 2017


def test_an_unknown_product_is_met_with_near_matches() -> None:
    with pytest.raises(UnknownCode, match=r"'7326.99' isn't in any.*near: 7326"):
        products.check("7326.99")
    with pytest.raises(UnknownCode, match="no heading 7700"):
        products.check("770010")
    with pytest.raises(UnknownCode, match="'9877001000'"):
        products.check("9877001000")


def test_names() -> None:
    assert "iron or steel" in products.name("73").lower()
    assert "iron or steel" in products.name("732690").lower()
    assert products.name("7326908688") == "ARTICLES OF IRON OR STEEL, NESOI"
    assert products.name("01012100") == "HORSES, LIVE, PUREBRED BREEDING"
    assert "smartphones" in products.name("85171300").lower()
    assert products.name("980100") != ""


def test_every_traded_product_is_known(shared) -> None:
    codes = pl.read_parquet(shared / "us-imports-2024" / "imports.parquet")["hs10"]
    assert products.is_known(codes).all()
    concordance = pl.read_csv(shared / "concordance" / "hs6-sector.csv", infer_schema=False)["hs6"]
    assert products.is_known(concordance).all()
