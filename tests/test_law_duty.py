"""The duty on one entry: three kinds of answer, reasons, and parts that add up to the cent."""

from datetime import date
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from entrepot.errors import LawError, UnknownCode
from entrepot.law.book import Book
from entrepot.law.duty import Duty, duty
from entrepot.law.facts import Given, parse_given
from law_cases import ORIGINS, PRODUCTS, book, books, measure

DAY = date(2025, 3, 1)
GENERAL = measure(id="general", title="General", rate=0.2)
SHIPPED = [{"fact": "transshipped", "is": True}]
TRANSSHIPPED = measure(
    id="pass",
    title="Passed through",
    family="beta",
    rate=0.4,
    when=SHIPPED,
    readings=[{"name": "in lieu of", "sets": ["alpha"]}, {"name": "on top of"}],
)


def ask(
    law: Book, *facts: str, product: str = "7326908688", origin: str = "VNM", value: str = "14172"
) -> Duty:
    return duty(law, product, origin, DAY, Decimal(value), given=[parse_given(text) for text in facts])


def test_resolved_with_reasons() -> None:
    law = book(
        GENERAL,
        measure(id="cars", family="beta", products=["8703"]),
        measure(id="china", family="beta", origins=["CHN"]),
        measure(id="later", family="beta", **{"from": "2025-04-01"}),
        measure(id="gone", family="beta", until="2025-02-15", printed=True),
        measure(id="way", family="gamma", unless=["alpha"]),
    )
    answer = ask(law)
    assert answer.answer == "resolved"
    (outcome,) = answer.outcomes
    assert outcome.total_usd == Decimal("2834.40")
    assert outcome.total_rate == 0.2
    why = {line.measure.id: line.reason for line in outcome.considered}
    assert why == {
        "general": "20 %",
        "cars": "7326908688 is outside its products (8703)",
        "china": "VNM is outside its origins (CHN)",
        "later": "in force from 2025-04-01",
        "gone": "ended: 2025-02-15 was the first day without it; the heading is still printed",
        "way": "does not apply where general applies",
    }


def test_unresolved_names_the_fact_and_gives_each_possibility() -> None:
    answer = ask(book(GENERAL, TRANSSHIPPED.read_as("in lieu of")))
    assert answer.answer == "unresolved"
    assert answer.missing == ("transshipped",)
    assert {o.facts["transshipped"]: o.total_usd for o in answer.outcomes} == {
        "false": Decimal("2834.40"),
        "true": Decimal("5668.80"),
    }


def test_ambiguous_gives_each_reading_and_its_number() -> None:
    law = book(GENERAL, TRANSSHIPPED)
    answer = ask(law, "transshipped=true")
    assert answer.answer == "ambiguous"
    assert {o.readings["pass"]: o.total_usd for o in answer.outcomes} == {
        "in lieu of": Decimal("5668.80"),
        "on top of": Decimal("8503.20"),
    }
    assert ask(law, "transshipped=false").answer == "resolved"
    settled = duty(
        law,
        "73",
        "VNM",
        DAY,
        Decimal(100),
        given=[Given("transshipped", True)],
        readings={"pass": "on top of"},
    )
    assert (settled.answer, settled.outcomes[0].total_usd) == ("resolved", Decimal("60.00"))


def test_a_fact_that_makes_no_difference_is_not_missing() -> None:
    same = measure(id="same", family="beta", rate=0.2, sets=["alpha"], when=SHIPPED)
    wiped = measure(id="wipe", family="gamma", rate=0.3, sets=["alpha", "beta"], order=1)
    assert ask(book(GENERAL, same, wiped)).answer == "resolved"


def test_a_content_band_asks_for_the_share_between_its_thresholds() -> None:
    low = measure(id="low", rate=0.2, when=[{"fact": "content.CHN", "below": 0.3}])
    high = measure(id="high", family="beta", rate=0.4, when=[{"fact": "content.CHN", "at_least": 0.3}])
    law = book(low, high)
    answer = ask(law)
    assert answer.missing == ("content.CHN",)
    assert {o.total_rate for o in answer.outcomes} == {0.2, 0.4}
    assert ask(law, "content.CHN=0.3").outcomes[0].total_rate == 0.4
    assert ask(law, "content.CHN=29.9%").outcomes[0].total_rate == 0.2


def test_an_unknown_rate_leaves_the_total_unknown_and_says_so() -> None:
    mfn = measure(
        id="mfn", family="mfn", published="2000-01-01", rate={"fact": "mfn"}, **{"from": "2000-01-01"}
    )
    answer = ask(book(mfn, GENERAL))
    assert answer.missing == ("mfn",)
    assert answer.outcomes[0].total_usd is None
    assert ask(book(mfn, GENERAL), "mfn=0.029").outcomes[0].total_usd == Decimal("3245.39")


def test_a_specific_duty_takes_the_quantity_of_the_entry() -> None:
    per_kilo = book(measure(rate={"ad_valorem": 0.05, "specific": 0.5, "unit": "kg"}))
    assert ask(per_kilo).missing == ("quantity.kg",)
    assert ask(per_kilo, "quantity.kg=300").outcomes[0].total_usd == Decimal("858.60")


def test_a_code_shorter_than_the_law_is_unresolved_by_product() -> None:
    listed = measure(id="listed", family="beta", rate=0.5, products=["7326908688"])
    answer = ask(book(GENERAL, listed), product="7326.90.86")
    assert answer.missing == ("product",)
    assert {o.total_rate for o in answer.outcomes} == {0.2, 0.7}
    assert ask(book(GENERAL, listed), product="7326908688").answer == "resolved"


@pytest.mark.parametrize(
    ("call", "error", "words"),
    [
        ({"product": "73AB"}, UnknownCode, "only digits"),
        ({"product": "732"}, UnknownCode, "leading zero"),
        ({"origin": "Vietnm"}, UnknownCode, "VNM"),
        ({"value": "-1"}, LawError, "not negative"),
    ],
)
def test_wrong_questions(call: dict[str, str], error: type[Exception], words: str) -> None:
    with pytest.raises(error, match=words):
        ask(book(GENERAL), **call)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("transshipped", "NAME=VALUE"),
        ("transshipped=0.161", "true or false"),
        ("transshipped=maybe", "true, false or a number"),
        ("content.CHN=30", "between 0 and 1"),
    ],
)
def test_wrong_facts(text: str, words: str) -> None:
    with pytest.raises(LawError, match=words):
        ask(book(GENERAL, TRANSSHIPPED), text)


@settings(max_examples=80, deadline=None)
@given(
    books(), st.sampled_from(ORIGINS), st.sampled_from(PRODUCTS), st.decimals("0.01", "99999999", places=2)
)
def test_the_parts_add_up_to_the_cent(law: Book, origin: str, product: str, value: Decimal) -> None:
    answer = duty(law, product, origin, DAY, value, given=[Given("mfn", 0.029)])
    for outcome in answer.outcomes:
        assert outcome.total_usd == sum(
            (line.duty_usd or Decimal(0) for line in outcome.considered), Decimal(0)
        )
        assert len(outcome.considered) == len(law.measures)
        assert all(line.reason for line in outcome.considered)
