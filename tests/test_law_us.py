"""The law book of the United States against entries worked by hand, and its averages pinned."""

# ruff: noqa: E501  -- an entry worked by hand is one row of a table

from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from entrepot.law.assess import rates
from entrepot.law.book import Book
from entrepot.law.cases import Cases, Reach, atoms, hit_of
from entrepot.law.combine import combine
from entrepot.law.duty import Duty, duty
from entrepot.law.facts import parse_given
from entrepot.law.read import built_in
from entrepot.law.scope import ProductIndex
from entrepot.ledger.read import read
from entrepot.products import us_products

US = built_in("us")


def test_real_entry_of_september_2026_comes_out_to_the_cent() -> None:
    answer = duty(US, "7326908688", "CHN", date(2026, 9, 15), Decimal("14172.00"))
    assert answer.answer == "resolved"
    outcome = answer.outcomes[0]
    assert {line.measure.id: str(line.duty_usd) for line in outcome.applied if line.duty_usd} == {
        "mfn": "410.99",  # 2.9 %
        "s301-china-3": "3543.00",  # list 3, 25 %
        "s232-steel-1a": "7086.00",  # 50 % on the full value
    }
    assert outcome.total_usd == Decimal("11039.99")
    assert outcome.total_rate == pytest.approx(0.779)
    (exempted,) = (line for line in outcome.considered if line.measure.id == "s301-forced-labour")
    assert not exempted.applied  # note 52(f)
    assert "s232-steel-1a" in exempted.reason or "232" in exempted.reason


SHOES, PHONE, CAR, CABINET, COFFEE = "6403999031", "8517130000", "8703230190", "9403409060", "0901110025"
NOT_TRANSSHIPPED = "transshipped=false"

BY_HAND = [
    # Viet Nam
    ("EO 14257: baseline of 10 % from 5 April 2025", SHOES, "VNM", "2025-04-05", (), {"ieepa-reciprocal-baseline": 0.10}),
    ("EO 14257 Annex I: 46 % on 9 April 2025", SHOES, "VNM", "2025-04-09", (), {"ieepa-reciprocal-annex-i": 0.46}),
    ("EO 14266: suspended from 10 April 2025", SHOES, "VNM", "2025-04-10", (), {"ieepa-reciprocal-baseline": 0.10}),
    ("EO 14326: 10 % until 6 August 2025", SHOES, "VNM", "2025-08-06", (), {"ieepa-reciprocal-baseline": 0.10}),
    ("EO 14326 Annex I: 20 % from 7 August 2025", SHOES, "VNM", "2025-08-07", (NOT_TRANSSHIPPED,), {"ieepa-reciprocal-august": 0.20}),
    ("EO 14326: 20 % until 19 February 2026", SHOES, "VNM", "2026-02-19", (NOT_TRANSSHIPPED,), {"ieepa-reciprocal-august": 0.20}),
    ("Learning Resources v. Trump: nothing on 20 February 2026", SHOES, "VNM", "2026-02-20", (), {}),
    ("Section 122: 10 % from 24 February 2026", SHOES, "VNM", "2026-02-24", (), {"s122-surcharge": 0.10}),
    ("Section 122: 10 % on its last day, 23 July 2026", SHOES, "VNM", "2026-07-23", (), {"s122-surcharge": 0.10}),
    ("Section 301 forced labour: 12.5 % from 24 July 2026", SHOES, "VNM", "2026-07-24", (), {"s301-forced-labour": 0.125}),
    ("Memorandum of 11 April 2025: telephones outside", PHONE, "VNM", "2025-09-01", (NOT_TRANSSHIPPED,), {}),
    # China
    ("EO 14195: 10 % from 4 February 2025, list 4A", "6110202079", "CHN", "2025-02-04", (), {"s301-china-4a": 0.075, "ieepa-fentanyl-china": 0.10}),
    ("EO 14228: 20 % from 4 March 2025, list 3", "9403200050", "CHN", "2025-03-04", (), {"s301-china-3": 0.25, "ieepa-fentanyl-china": 0.20}),
    ("EO 14259: 84 % on 9 April 2025", "9503000073", "CHN", "2025-04-09", (), {"ieepa-reciprocal-china": 0.84, "ieepa-fentanyl-china": 0.20}),
    ("EO 14266: 125 + 20 % from 10 April 2025", "9503000073", "CHN", "2025-04-10", (), {"ieepa-reciprocal-china": 1.25, "ieepa-fentanyl-china": 0.20}),
    ("EO 14298: still 125 % on 13 May 2025", "9503000073", "CHN", "2025-05-13", (), {"ieepa-reciprocal-china": 1.25, "ieepa-fentanyl-china": 0.20}),
    ("EO 14298: 10 + 20 % from 14 May 2025", "9503000073", "CHN", "2025-05-14", (), {"ieepa-reciprocal-china": 0.10, "ieepa-fentanyl-china": 0.20}),
    ("EO 14334: 30 % in all after 7 August 2025, not 34", "9503000073", "CHN", "2025-08-20", (), {"ieepa-reciprocal-china": 0.10, "ieepa-fentanyl-china": 0.20}),
    ("EO 14357: 10 + 10 % from 10 November 2025", "9503000073", "HKG", "2025-11-10", (), {"ieepa-reciprocal-china": 0.10, "ieepa-fentanyl-china": 0.10}),
    ("89 FR 76581: syringes at 100 % in place of the list", "9018310080", "CHN", "2026-03-02", (), {"s301-china-review-2024-100": 1.0, "s122-surcharge": 0.10}),
    # Canada and Mexico
    ("EO 14193: paused in February 2025", SHOES, "CAN", "2025-02-10", (), {}),
    ("EO 14193: 25 % on all goods on 4 March 2025", SHOES, "CAN", "2025-03-04", (), {"ieepa-fentanyl-canada": 0.25}),
    ("EO 14231: USMCA goods outside from 7 March 2025", SHOES, "CAN", "2025-03-07", ("programme=USMCA",), {}),
    ("EO 14325: 35 % from 1 August 2025", SHOES, "CAN", "2025-08-01", ("programme=none",), {"ieepa-fentanyl-canada": 0.35}),
    ("9903.01.13: Canadian crude at 10 %", "2709002010", "CAN", "2025-09-01", ("programme=none",), {"ieepa-fentanyl-canada-energy": 0.10}),
    ("EO 14194: Mexico at 25 %", SHOES, "MEX", "2025-09-01", ("programme=none",), {"ieepa-fentanyl-mexico": 0.25}),
    ("EO 14289: fentanyl before steel until 3 June 2025", "7208100000", "CAN", "2025-04-20", ("programme=none",), {"ieepa-fentanyl-canada": 0.25}),
    ("EO 14289: steel on USMCA goods", "7208100000", "CAN", "2025-04-20", ("programme=USMCA",), {"s232-steel": 0.25}),
    ("Proclamation 10947: steel before fentanyl from 4 June 2025", "7208100000", "CAN", "2025-06-04", ("programme=none",), {"s232-steel": 0.50}),
    ("Section 122: USMCA goods outside", SHOES, "MEX", "2026-03-02", ("programme=USMCA",), {}),
    ("Section 338: dairy of Canada at 50 %", "0402100500", "CAN", "2026-08-19", ("programme=USMCA",), {"s338-canada-dairy": 0.50}),
    ("announced in October 2025, never ordered", SHOES, "CAN", "2025-11-05", ("programme=none",), {"ieepa-fentanyl-canada": 0.35}),
    # Deals: 15 % with the general rate
    ("EO 14326 section 2(c): EU, 15 % less the general rate", SHOES, "DEU", "2025-08-07", (NOT_TRANSSHIPPED, "mfn=0.10"), {"mfn": 0.10, "ieepa-reciprocal-eu": 0.05}),
    ("EO 14326 section 2(c): EU, nothing above 15 %", SHOES, "DEU", "2025-08-07", (NOT_TRANSSHIPPED, "mfn=0.20"), {"mfn": 0.20}),
    ("90 FR 59281: Switzerland at 15 % from 14 November 2025", "9101114000", "CHE", "2025-11-14", (NOT_TRANSSHIPPED,), {"ieepa-reciprocal-switzerland": 0.15}),
    ("EO 14326: Switzerland at 39 % before", "9101114000", "CHE", "2025-11-13", (NOT_TRANSSHIPPED,), {"ieepa-reciprocal-switzerland": 0.39}),
    ("EO 14329: India at 25 + 25 %", SHOES, "IND", "2025-08-27", (NOT_TRANSSHIPPED,), {"ieepa-reciprocal-august": 0.25, "ieepa-india": 0.25}),
    ("Order of 6 February 2026: India at 25 %, 18 % only announced", SHOES, "IND", "2026-02-10", (NOT_TRANSSHIPPED,), {"ieepa-reciprocal-august": 0.25}),
    ("EO 14323: Brazil at 10 + 40 %", COFFEE, "BRA", "2025-10-01", (NOT_TRANSSHIPPED,), {"ieepa-reciprocal-august": 0.10, "ieepa-brazil": 0.40}),
    ("EO 14360 and 14361: Brazilian coffee free from 13 November 2025", COFFEE, "BRA", "2025-11-13", (NOT_TRANSSHIPPED,), {}),
    ("US note 50: Brazil at 25 % from 22 July 2026, with Section 122", SHOES, "BRA", "2026-07-22", (), {"s122-surcharge": 0.10, "s301-brazil": 0.25}),
    ("US note 2(v): Russia outside the reciprocal duties", SHOES, "RUS", "2025-09-01", (), {}),
    # Section 232
    ("Proclamation 9705: steel of Viet Nam at 25 % in 2025", "7208100000", "VNM", "2025-01-15", (), {"s232-steel": 0.25}),
    ("Proclamation 9705: the EU within its quota", "7208100000", "DEU", "2025-01-15", (), {}),
    ("Proclamation 9704: Japan pays on aluminium", "7606123090", "JPN", "2025-01-15", (), {"s232-aluminium": 0.10}),
    ("Proclamation 10522: aluminium of Russia at 200 %", "7606123090", "RUS", "2026-05-01", (), {"s232-aluminium-russia-2026": 2.0}),
    ("Proclamation 10896: exemptions end on 12 March 2025", "7208100000", "DEU", "2025-03-12", (), {"s232-steel": 0.25}),
    ("Proclamation 10947: 50 %, the United Kingdom 25 %", "7208100000", "GBR", "2025-06-04", (), {"s232-steel-uk": 0.25}),
    ("90 FR 25208: washing machines on the steel content, reciprocal on the rest", "8450110010", "VNM", "2025-06-23", ("metal.steel=0.3",), {"s232-steel-content-june": 0.15, "ieepa-reciprocal-baseline": 0.07}),
    ("Proclamation 10962: copper tubes at 50 % from 1 August 2025", "7411101030", "VNM", "2025-08-01", (), {"s232-copper": 0.50}),
    ("EO 14257 Annex II: plywood outside", "4412330620", "IDN", "2025-10-13", (NOT_TRANSSHIPPED,), {}),
    ("Proclamation 10976: plywood inside from 14 October 2025", "4412330620", "IDN", "2025-10-14", (NOT_TRANSSHIPPED,), {"ieepa-reciprocal-august": 0.19}),
    ("EO 14257 Annex II: plywood with outer plies of tropical wood outside too", "4412420000", "IDN", "2025-10-13", (NOT_TRANSSHIPPED,), {}),
    ("EO 14257 Annex II: copper outside before", "7411101030", "VNM", "2025-07-31", (), {}),
    ("Proclamation of 2 April 2026: annex III, 15 % with the general rate", "8207306062", "VNM", "2026-04-06", ("mfn=0.025",), {"mfn": 0.025, "s232-steel-3": 0.125}),
    ("Proclamation of 2 April 2026, clause 7: 25 % from 2028", "8207306062", "VNM", "2028-01-01", ("mfn=0.025",), {"mfn": 0.025, "s232-steel-3": 0.25}),
    ("Proclamation 10908: cars at 25 % from 3 April 2025", CAR, "JPN", "2025-04-03", ("mfn=0.025",), {"mfn": 0.025, "s232-autos": 0.25}),
    ("EO 14345: Japan at 15 % in all from 16 September 2025", CAR, "JPN", "2025-09-16", ("mfn=0.025",), {"mfn": 0.025, "s232-autos-japan": 0.125}),
    ("90 FR 46136: the EU at 15 % in all from 1 August 2025", CAR, "DEU", "2025-08-01", ("mfn=0.025",), {"mfn": 0.025, "s232-autos-eu": 0.125}),
    ("EO 14309: the United Kingdom at 10 % in all from 30 June 2025", CAR, "GBR", "2025-06-30", ("mfn=0.025",), {"mfn": 0.025, "s232-autos-uk": 0.075}),
    ("Proclamation 10908 clause 2: USMCA cars on what is not US content", CAR, "MEX", "2025-09-01", ("programme=USMCA", "content.USA=0.4"), {"s232-autos-usmca": 0.15}),
    ("9903.94.05: parts from 3 May 2025, not under USMCA", "8708295060", "MEX", "2025-05-03", ("programme=none",), {"s232-auto-parts-north-america": 0.25}),
    ("9903.94.06: parts under USMCA free", "8708210000", "MEX", "2025-05-03", ("programme=USMCA",), {}),
    ("US note 33(g): a battery that is no vehicle part", "8507600020", "KOR", "2026-05-01", ("use.vehicle-part=false", "use.civil-aircraft=false"), {"s122-surcharge": 0.10}),
    ("Proclamation 10984: buses at 10 %", "8702103100", "TUR", "2025-11-05", ("transshipped=false",), {"s232-buses": 0.10}),
    ("Proclamation 10976: cabinets at 25 %", CABINET, "VNM", "2025-10-14", (), {"s232-cabinet": 0.25}),
    ("Proclamation of 31 December 2025: still 25 % in 2026", CABINET, "VNM", "2026-06-01", (), {"s232-cabinet": 0.25}),
    ("Proclamation of 31 December 2025: 50 % from 2027", CABINET, "VNM", "2027-01-01", (), {"s232-cabinet-step": 0.50}),
    ("Proclamation 11002: a chip above the gate", "8471500150", "TWN", "2026-01-15", ("use.semiconductor-gate=true", "transshipped=false"), {"s232-semiconductors": 0.25}),
    ("Proclamation 10339: solar modules in the eighth year", "8541430010", "VNM", "2025-03-01", (), {"s201-solar": 0.14}),
]  # fmt: skip


def entry(product: str, origin: str, on: str, *facts: str, **question: Any) -> Duty:
    """What 1,000 USD pay; without a general rate unless one is given."""
    given = facts if any(fact.startswith("mfn=") for fact in facts) else ("mfn=0", *facts)
    return duty(
        US,
        product,
        origin,
        date.fromisoformat(on),
        Decimal(1000),
        given=[parse_given(fact) for fact in given],
        **question,
    )


@pytest.mark.parametrize(
    ("product", "origin", "on", "facts", "expected"),
    [row[1:] for row in BY_HAND],
    ids=[row[0] for row in BY_HAND],
)
def test_entry_worked_by_hand(
    product: str, origin: str, on: str, facts: tuple[str, ...], expected: dict[str, float]
) -> None:
    answer = entry(product, origin, on, *facts)
    assert answer.answer == "resolved", answer.missing
    applied = {line.measure.id: line.rate for line in answer.outcomes[0].applied if line.rate}
    assert applied == pytest.approx(expected)


@pytest.mark.parametrize(("reading", "rate"), [("in lieu of", 0.40), ("on top of", 0.60)])
def test_transshipped_goods_of_viet_nam_in_both_readings_of_eo_14326(reading: str, rate: float) -> None:
    answer = entry(SHOES, "VNM", "2025-08-10", "transshipped=true", readings={"ieepa-transshipment": reading})
    assert answer.outcomes[0].total_rate == pytest.approx(rate)


def test_transshipment_heading_is_printed_and_not_in_force_after_february_2026() -> None:
    (measure,) = US.versions("ieepa-transshipment")
    assert measure.status_on(date(2026, 2, 20)) == "ended"
    assert measure.printed


@pytest.mark.parametrize(
    ("as_known", "rate"),
    [("2025-10-15", 0.50), ("2026-01-05", 0.25)],
    ids=["before the amendment of 31 December 2025", "after it"],
)
def test_what_an_importer_of_cabinets_could_plan_with(as_known: str, rate: float) -> None:
    answer = entry(CABINET, "VNM", "2026-03-02", as_known=date.fromisoformat(as_known))
    assert answer.outcomes[0].total_rate == pytest.approx(rate)


def test_annex_ii_of_april_2025_has_1039_lines() -> None:
    annex = [
        m
        for m in US.as_known(date(2025, 4, 2))
        if m.id.startswith("ieepa-annex-ii-") or m.id == "ieepa-annex-ii"
    ]
    lists = [
        i.removeprefix("list:") for m in annex for i in m.products.include if i.startswith("list:annex-ii/")
    ]
    lines = [code for name in lists for code in US.lists[name]]
    assert len(lines) == len(set(lines)) == 1039
    assert {code[:4] for code in lines if code[:2] in ("84", "85")} == {"8541", "8542"}


@pytest.mark.parametrize(
    "product", [PHONE, "8517620090", "8523510000", "8528520000", "8471300100", "8473301180"]
)
def test_electronics_of_the_memorandum_of_11_april_2025_pay_by_what_was_known_before(product: str) -> None:
    assert _vietnam_on_9_april(product, as_known="2025-04-10") == pytest.approx(0.46)
    assert _vietnam_on_9_april(product, as_known="2025-04-11") == 0


@pytest.mark.parametrize("product", ["8541100040", "8542310045"])
def test_semiconductors_were_outside_from_the_first_day(product: str) -> None:
    assert _vietnam_on_9_april(product, as_known="2025-04-02") == 0


def _vietnam_on_9_april(product: str, as_known: str) -> float | None:
    day = date.fromisoformat(as_known)
    return entry(product, "VNM", "2025-04-09", NOT_TRANSSHIPPED, as_known=day).outcomes[0].total_rate


def test_books_of_viet_nam_and_of_2001() -> None:
    zero = built_in("vn").versions("vn-us-zero")[0]
    assert zero.status_on(date(2026, 1, 1)) == "announced"
    old = built_in("us-2001")
    before, after = (
        duty(old, "610910", "VNM", day, Decimal(100)).outcomes[0]
        for day in (date(2001, 12, 9), date(2001, 12, 10))
    )
    assert (before.total_rate, after.total_rate) == (0.40, 0.03)


@pytest.mark.parametrize(
    ("on", "as_known", "expected"),
    [
        # Ours beside three published readings (that project, its predecessor, a third centre); docs/law-us.md says
        # what makes the difference. The third day is as foreseen in spring: without the actions of July 2026.
        (date(2026, 1, 1), None, 16.24),  # 16.02, 14.25, 17.3
        (date(2026, 2, 24), None, 10.51),  # 12.01, 10.49, 12.1
        (date(2026, 7, 24), date(2026, 4, 30), 7.63),  # 7.62, 7.29, 9.1
        (date(2026, 7, 24), None, 11.34),
    ],
)
def test_average_rates_over_the_year_2024(
    shared: Path, on: date, as_known: date | None, expected: float
) -> None:
    ledger = read(shared / "us-imports-2024" / "imports.parquet")
    table = rates(ledger, US, on=[on], by=[], as_known=as_known).table
    assert 100 * table["total_rate"][0] == pytest.approx(expected, abs=0.005)


def _representatives(book: Book) -> ProductIndex:
    """One product for each combination of scopes that the book tells apart."""
    codes = us_products()["product"].to_list()
    every = ProductIndex(codes)
    scopes = {measure.products for measure in book.measures}
    bits = np.packbits(np.array([every.reached_by(scope, book.lists) for scope in scopes]), axis=0)
    first = np.unique(bits, axis=1, return_index=True)[1]
    return ProductIndex([codes[i] for i in sorted(first)])


ORIGINS = (
    *(
        "ARG",
        "AUS",
        "AUT",
        "BGD",
        "BLR",
        "BRA",
        "CAN",
        "CHE",
        "CHN",
        "CRI",
        "DEU",
        "EU27",
        "GBR",
        "HKG",
        "IDN",
        "IND",
    ),
    *(
        "JPN",
        "KHM",
        "KOR",
        "LIE",
        "MAC",
        "MEX",
        "NIC",
        "PHL",
        "RUS",
        "SGP",
        "SLV",
        "THA",
        "TWN",
        "UKR",
        "VNM",
        "ZAF",
    ),
)


@pytest.mark.parametrize("settled", [0.0, 1.0], ids=["no fact holds", "every fact holds"])
def test_no_two_measures_contradict_each_other_or_charge_the_same_value_twice(settled: float) -> None:
    products = _representatives(US)
    n = len(products.codes)
    facts = {}
    for name, options in atoms(US.measures).items():
        share = name.startswith(("metal.", "content.")) or name == "mfn"
        for full in [f"{name}.{option}" for option in options] or [name]:
            facts[full] = np.full(n * len(ORIGINS), 0.3 if share else settled)
    cases = Cases(
        products, ORIGINS, np.tile(np.arange(n), len(ORIGINS)), np.repeat(np.arange(len(ORIGINS)), n), facts
    )
    book = US.with_readings({})
    reach = Reach(products, ORIGINS, book.lists, book.tables)
    for day in [d for d in book.change_days() if d >= date(2025, 1, 1)]:
        hits = [hit for m in book.regime(day).measures if (hit := hit_of(m, cases, reach, day)) is not None]
        amounts = combine(hits, range(len(hits)), len(hits), len(cases))  # raises where order would matter
        covered: dict[str, np.ndarray] = {}
        for hit, part in zip(hits, amounts.reach, strict=True):
            if "exempt" not in hit.measure.family:
                covered.setdefault(hit.measure.family, np.zeros(len(cases)))[hit.cases] += part
        for family, part in covered.items():
            worst = int(part.argmax())
            where = (products.codes[cases.product[worst]], ORIGINS[cases.origin[worst]])
            assert part[worst] <= 1 + 1e-9, (day, family, where)
