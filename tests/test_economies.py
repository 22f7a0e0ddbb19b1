from datetime import date

import pytest

from entrepot import economies
from entrepot.errors import UnknownCode


def test_the_table_holds_every_economy_once() -> None:
    codes = [e.code for e in economies.economies()]
    assert len(codes) == 249 + 2  # ISO 3166-1, Kosovo, rest of the world
    assert len(set(codes)) == len(codes)
    assert codes[-1] == "ROW"
    for field in ("alpha2", "name"):
        values = [v for v in (getattr(e, field) for e in economies.economies()) if v]
        assert len(set(values)) == len(values)


def test_hong_kong_macao_and_taiwan_are_their_own() -> None:
    assert {economies.by_census(c) for c in ("5820", "5660", "5830", "5700")} == {"HKG", "MAC", "TWN", "CHN"}


def test_census_codes_read() -> None:
    assert economies.by_census("5520") == "VNM"
    assert economies.by_census("0003") == "EU27"
    assert economies.economy("PSE").census == ("5082", "5083")
    assert economies.by_census("5083") == "PSE"


def test_census_codes_agree_with_the_partner_list(shared) -> None:
    lines = (shared / "us-imports-2024" / "partners.csv").read_text().splitlines()[1:]
    for partner, census, *_ in (line.split(",") for line in lines):
        assert economies.by_census(census) == partner


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("VNM", "VNM"),
        ("vn", "VNM"),
        ("5520", "VNM"),
        ("Viet Nam", "VNM"),
        ("eu27", "EU27"),
        ("Turkey", "TUR"),
    ],
)
def test_find_reads_the_common_ways(text: str, code: str) -> None:
    assert economies.find(text) == code


def test_an_unknown_economy_is_met_with_near_matches() -> None:
    with pytest.raises(UnknownCode, match=r"'VMN' is unknown.*VNM \(Vietnam\)"):
        economies.economy("VMN")
    with pytest.raises(UnknownCode, match=r"Census code '552'.*four digits"):
        economies.by_census("552")
    with pytest.raises(UnknownCode, match="alpha-2 code 'VX'"):
        economies.by_alpha2("VX")
    assert economies.by_alpha2("VN").code == "VNM"


def test_members_are_dated() -> None:
    assert "TLS" not in economies.members("ASEAN", date(2025, 10, 25))
    assert "TLS" in economies.members("ASEAN", date(2025, 10, 26))
    assert "GBR" not in economies.members("CPTPP", date(2024, 12, 14))
    assert "GBR" in economies.members("CPTPP", date(2024, 12, 15))
    assert len(economies.members("EU27", date(2025, 1, 1))) == 27
    assert economies.members("USMCA", date(2020, 7, 1)) == {"CAN", "MEX", "USA"}
    assert len(economies.members("CAFTA-DR", date(2009, 1, 1))) == 7
    assert economies.members("EU28", date(2020, 1, 31)) - economies.members("EU27", date(2020, 2, 1)) == {
        "GBR"
    }


def test_every_member_is_an_economy() -> None:
    for group in economies.groups():
        assert all(economies.is_economy(code) for code in economies.ever_members(group))
    assert economies.ever_members("VNM") == {"VNM"}


def test_a_group_without_members_on_a_day_says_since_when() -> None:
    with pytest.raises(
        UnknownCode, match="EU27 had no members on 2019-01-01; it has members since 2020-02-01"
    ):
        economies.members("EU27", date(2019, 1, 1))
    with pytest.raises(UnknownCode, match=r"EU28 had no members on 2021-01-01.*until 2020-02-01"):
        economies.members("EU28", date(2021, 1, 1))
    with pytest.raises(UnknownCode, match="'EU26': there is none; there are ASEAN"):
        economies.members("EU26", date(2021, 1, 1))


def test_groups_of_an_economy() -> None:
    assert economies.groups_of("VNM", date(2025, 1, 1)) == {"ASEAN", "CPTPP"}
    assert economies.groups_of("CHN", date(2025, 1, 1)) == frozenset()
    with pytest.raises(UnknownCode):
        economies.groups_of("EU27", date(2025, 1, 1))
