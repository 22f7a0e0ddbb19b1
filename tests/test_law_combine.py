"""How measures combine, case by case; each rule of `combine` by hand."""

from datetime import date

import pytest

from entrepot.errors import LawError, Unresolved
from entrepot.law.assess import rates
from entrepot.law.assessment import assess
from entrepot.law.facts import Fact, Given
from entrepot.law.measure import Measure
from law_cases import book, ledger, measure

DAY = date(2025, 3, 1)
MFN = measure(id="mfn", family="mfn", published="2000-01-01", rate={"fact": "mfn"}, **{"from": "2000-01-01"})
STEEL = ledger(("VNM", "7326908688", 1000.0, 29.0))


def added(
    *measures: Measure, records: object = STEEL, facts: tuple[Fact, ...] = (), **options: object
) -> float:
    """The added rate on the one origin of a small ledger."""
    return rates(records, book(*measures, facts=facts), on=[DAY], **options).table["added_rate"][0]  # type: ignore[arg-type]


def test_measures_add() -> None:
    assert added(measure(id="a", rate=0.1), measure(id="b", family="beta", rate=0.25)) == pytest.approx(0.35)


def test_a_measure_gives_way_to_a_family_only_where_that_applies() -> None:
    way = measure(id="a", rate=0.1, unless=["beta"])
    assert added(way, measure(id="b", family="beta", rate=0.5)) == pytest.approx(0.5)
    assert added(way, measure(id="b", family="beta.narrow", rate=0.5)) == pytest.approx(0.5)
    assert added(way, measure(id="b", family="beta", rate=0.5, products=["72"])) == pytest.approx(0.1)
    assert added(way, measure(id="b", family="beta", rate=0.5, until="2025-03-01")) == pytest.approx(0.1)


def test_a_measure_gives_way_on_the_part_of_the_value_the_other_hits() -> None:
    metal = measure(id="b", family="beta", rate=0.5, portion={"fact": "metal.steel"})
    other = measure(id="a", rate=0.2, unless=["beta"])
    given = [Given("metal.steel", 0.3)]
    assert added(other, metal, given=given) == pytest.approx(0.3 * 0.5 + 0.7 * 0.2)
    aluminium = measure(id="c", family="beta.narrow", rate=0.25, portion={"fact": "metal.aluminium"})
    both = [*given, Given("metal.aluminium", 0.9)]
    # Together they hit more than the whole: what is left for the other is nothing, never less.
    assert added(other, metal, aluminium, given=both) == pytest.approx(0.3 * 0.5 + 0.9 * 0.25)


def test_a_setting_measure_replaces_what_came_before_it() -> None:
    assert added(
        measure(id="a", rate=0.1), measure(id="b", family="beta", rate=0.4, sets=["alpha"])
    ) == pytest.approx(0.4)
    early = measure(id="b", family="beta", rate=0.4, sets=["alpha"], order=-1)
    assert added(measure(id="a", rate=0.1), early) == pytest.approx(0.5)


def test_setting_replaces_what_lies_on_the_part_it_hits() -> None:
    # 30 % of the value is metal and pays for that; the rest pays 20 %, or 40 % in lieu of it.
    metal = measure(id="metal", family="gamma", rate=0.5, portion={"fact": "metal.steel"})
    general = measure(id="a", rate=0.2, unless=["gamma"])
    instead = measure(id="b", family="beta", rate=0.4, unless=["gamma"], sets=["alpha"])
    given = [Given("metal.steel", 0.3)]
    assert added(metal, general, instead, given=given) == pytest.approx(0.3 * 0.5 + 0.7 * 0.4)
    half = measure(id="b", family="beta", rate=0.4, portion={"fact": "content.CHN"}, sets=["alpha"])
    both = [Given("content.CHN", 0.5)]
    assert added(measure(id="a", rate=0.2), half, given=both) == pytest.approx(0.5 * 0.2 + 0.5 * 0.4)


def test_an_option_of_a_programme_is_asked_only_where_a_measure_names_it() -> None:
    records = ledger(
        ("MEX", "7326908688", 1.0, 0.0), ("VNM", "7326908688", 1.0, 0.0), programme__USMCA=[0.6, None]
    )
    usmca = measure(id="a", rate=0.25, origins=["MEX"], when=[{"fact": "programme", "is_not": "USMCA"}])
    other = measure(id="b", rate=0.1, origins=["VNM"], when=[{"fact": "programme", "is": "GSP"}])
    table = rates(records, book(usmca, other), on=[DAY], given=[Given("programme.GSP", 0.3)]).table
    assert table["added_rate"].to_list() == pytest.approx([0.4 * 0.25, 0.3 * 0.1])


def test_a_floor_tops_up_and_a_ceiling_cuts() -> None:
    floor = measure(id="deal", rate={"floor": 0.15, "of": ["mfn"]})
    assert added(MFN, floor) == pytest.approx(0.15 - 0.029)
    high = ledger(("VNM", "6109100012", 1000.0, 165.0))
    assert added(MFN, floor, records=high) == 0.0
    ceiling = measure(id="cap", rate={"ceiling": 0.15, "of": ["mfn", "beta"]})
    assert added(MFN, measure(id="b", family="beta", rate=0.25), ceiling) == pytest.approx(0.15 - 0.029)
    assert added(MFN, ceiling) == 0.0


def test_a_specific_duty_needs_the_quantity() -> None:
    per_kilo = measure(rate={"ad_valorem": 0.05, "specific": 0.5, "unit": "kg"})
    weighed = ledger(("VNM", "7326908688", 1000.0, 0.0), quantity__kg=[0.2])
    assert added(per_kilo, records=weighed) == pytest.approx(0.05 + 0.5 * 0.2)
    with pytest.raises(Unresolved, match=r"quantity\.kg"):
        added(per_kilo)


def test_an_unknown_fact_is_named_with_measure_value_and_mend() -> None:
    band = measure(id="band", rate=0.4, when=[{"fact": "content.CHN", "at_least": 0.3}])
    with pytest.raises(
        Unresolved, match=r"'band' asks for the fact 'content\.CHN'.*1,000 USD.*VNM.*--fact content\.CHN="
    ):
        added(band)
    assert added(band, given=[Given("content.CHN", 0.3)]) == pytest.approx(0.4)
    assert added(band, given=[Given("content.CHN", 0.29)]) == 0.0


def test_a_fact_that_no_measure_reaching_the_line_asks_for_need_not_be_known() -> None:
    band = measure(rate=0.4, origins=["CHN"], when=[{"fact": "content.CHN", "at_least": 0.3}])
    assert added(band) == 0.0


def test_a_share_of_lines_splits_the_line() -> None:
    pass_through = measure(
        id="t", family="beta", rate=0.4, when=[{"fact": "transshipped", "is": True}], sets=["alpha"]
    )
    general = measure(id="a", rate=0.2)
    given = [Given("transshipped", 0.161, "VNM")]
    assert added(general, pass_through, given=given) == pytest.approx(0.839 * 0.2 + 0.161 * 0.4)


def test_programmes_exclude_each_other() -> None:
    usmca = measure(id="a", rate=0.25, when=[{"fact": "programme", "is_not": "USMCA"}])
    other = measure(id="b", family="beta", rate=0.1, when=[{"fact": "programme", "is": "GSP"}])
    shares = [Given("programme.USMCA", 0.6), Given("programme.GSP", 0.3)]
    assert added(usmca, other, given=shares) == pytest.approx(0.4 * 0.25 + 0.3 * 0.1)
    assert added(usmca, other, given=[Given("programme", "USMCA")]) == 0.0


def test_programme_shares_above_the_whole_are_refused() -> None:
    two = [measure(id=i, rate=0.1, when=[{"fact": "programme", "is": i}]) for i in ("USMCA", "GSP")]
    with pytest.raises(LawError, match=r"'programme'.*come to 1\.3"):
        added(*two, given=[Given("programme.USMCA", 0.7), Given("programme.GSP", 0.6)])


def test_two_that_set_each_other_need_an_order() -> None:
    one, two = (measure(id=i, rate=r, sets=["alpha"]) for i, r in (("one", 0.1), ("two", 0.2)))
    with pytest.raises(LawError, match=r"'two' and 'one' both decide family 'alpha'.*order"):
        added(one, two)
    apart = measure(id="two", rate=0.2, sets=["alpha"], products=["72"])
    assert added(one, apart) == pytest.approx(0.1)


def test_giving_way_in_a_circle_is_refused() -> None:
    with pytest.raises(LawError, match="circle: a → b → a"):
        added(measure(id="a", unless=["beta"]), measure(id="b", family="beta", unless=["alpha"]))


def test_what_was_paid_in_the_base_year_is_not_added_again() -> None:
    old = measure(id="old", family="beta", rate=0.25, published="2018-01-01", **{"from": "2018-09-24"})
    paid = ledger(("VNM", "7326908688", 1000.0, 279.0))
    assert added(MFN, old, records=paid) == 0.0
    # Its end shows as what was taken away; the floor net of MFN then sees the MFN rate alone.
    ended = old.model_copy(update={"until": date(2025, 2, 1)})
    floor = measure(id="deal", rate={"floor": 0.15, "of": ["mfn"]})
    assert added(MFN, ended, floor, records=paid) == pytest.approx(-0.25 + 0.15 - 0.029)


def test_how_the_whole_is_cut_does_not_change_it() -> None:
    steel, rest = {"fact": "metal.steel"}, {"fact": "metal.steel", "rest": True}
    law = book(
        measure(id="a", family="beta", rate=0.5, portion=steel),
        measure(id="b", family="beta", rate=0.1, portion=rest),
        measure(id="s", family="gamma", rate=0.2, portion={"fact": "content.CHN"}, sets=["beta"]),
        measure(id="later", family="beta", rate=0.1, order=2),
    )
    given = [Given("metal.steel", 0.3), Given("content.CHN", 0.5)]
    whole = rates(STEEL, law, on=[DAY], given=given).table["added_duty_usd"][0]
    for by in ("authority", "family", "measure"):
        cut = rates(STEEL, law, on=[DAY], by=[by], given=given).table["added_duty_usd"].sum()
        assert cut == pytest.approx(whole, rel=1e-12)
    assert whole == pytest.approx(1000 * ((0.3 * 0.5 + 0.7 * 0.1) * 0.5 + 0.5 * 0.2 + 0.1))


def test_an_unknown_option_keeps_the_line_whole() -> None:
    two = [measure(id=i, rate=0.1, when=[{"fact": "programme", "is": i}]) for i in ("USMCA", "GSP")]
    with pytest.raises(Unresolved, match=r"programme\.USMCA.*1,000 USD"):
        added(*two, records=ledger(("VNM", "7326908688", 1000.0, 0.0), programme__USMCA=[0.6]))


def test_the_general_rate_can_be_given_tested_and_stands_beside_other_rates() -> None:
    floor = measure(id="deal", rate={"floor": 0.15, "of": ["mfn"]})
    assert added(MFN, floor, given=[Given("mfn", 0.1)]) == pytest.approx(0.05)
    low = measure(id="low", rate=0.2, when=[{"fact": "mfn", "at_least": 0.02}])
    assert added(MFN, low) == pytest.approx(0.2)
    assert added(MFN, measure(id="low", rate=0.2, when=[{"fact": "mfn", "below": 0.02}])) == 0.0
    way = MFN.model_copy(update={"unless": ("alpha",)})
    assert added(way, measure(id="a", rate=0.1)) == pytest.approx(0.1 - 0.029)
    other = Fact("pref", "rate", "another rate", value=0.01)
    assert added(MFN, measure(id="p", rate={"fact": "pref"}), facts=(other,)) == pytest.approx(0.01)


def test_a_group_in_a_ledger_is_reached_through_its_members_or_refused() -> None:
    union = ledger(("EU27", "7326908688", 1000.0, 0.0))
    some = book(measure(rate={"by_origin": "t"}), tables={"t": {"DEU": 0.2, "FRA": 0.1}})
    with pytest.raises(LawError, match="members of EU27"):
        rates(union, some, on=[DAY])
    with pytest.raises(LawError, match="names DEU"):
        added(measure(origins=["DEU"]), records=union)
    assert added(measure(origins=["EU27"]), records=union) == pytest.approx(0.1)


def test_an_assessment_says_what_every_line_pays_by_measure() -> None:
    law = book(
        MFN,
        measure(id="a", rate=0.2, unless=["beta"]),
        measure(id="b", family="beta", rate=0.5, products=["73"]),
    )
    records = ledger(
        ("VNM", "7326908688", 1000.0, 29.0),
        ("VNM", "6109100012", 200.0, 33.0),
        ("CHN", "6109100012", 0.0, 0.0),
    )
    found = assess(records, law, DAY)
    paid = {(r["line"], r["measure"]): r["duty_usd"] for r in found.parts.to_dicts() if r["duty_usd"]}
    assert paid == pytest.approx({(1, "mfn"): 29.0, (1, "b"): 500.0, (2, "mfn"): 33.0, (2, "a"): 40.0})
    assert found.lines["duty_usd"].to_list() == pytest.approx([529.0, 73.0, 0.0])
    whole = rates(records, law, on=[DAY], by=["importer"]).table
    assert found.lines["duty_usd"].sum() == pytest.approx(whole["total_rate"][0] * 1200)
