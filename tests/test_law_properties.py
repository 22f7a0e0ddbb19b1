"""What holds for any ledger, any book and any day."""

from dataclasses import replace
from datetime import date, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from entrepot.law.assess import rates
from entrepot.law.book import Book
from entrepot.ledger import Ledger
from law_cases import START, book, books, ledgers, measure

days = st.integers(0, 90).map(lambda n: START + timedelta(days=n))


@settings(max_examples=60, deadline=None)
@given(ledgers(), books(), days)
def test_parts_sum_to_the_whole_and_value_is_conserved(records: Ledger, law: Book, day: date) -> None:
    whole = rates(records, law, on=[day], by=["importer"]).table
    for by in (["origin"], ["hs2"], ["product", "origin"]):
        parts = rates(records, law, on=[day], by=by).table
        for column in ("value_usd", "added_duty_usd"):
            assert parts[column].sum() == pytest.approx(whole[column][0], rel=1e-12, abs=0.005)
        assert parts["value_usd"].sum() == pytest.approx(records.table["value_usd"].sum(), rel=1e-15)
    for by in ("authority", "family", "measure"):
        split = rates(records, law, on=[day], by=[by]).table
        assert split["added_duty_usd"].sum() == pytest.approx(
            whole["added_duty_usd"][0], rel=1e-12, abs=0.005
        )
        assert split["total_rate"].sum() == pytest.approx(whole["total_rate"][0] or 0.0, rel=1e-9, abs=1e-12)


@settings(max_examples=60, deadline=None)
@given(ledgers(), books(), days, days)
def test_between_change_days_nothing_changes(records: Ledger, law: Book, one: date, two: date) -> None:
    first, second = sorted((one, two))
    if any(first < change <= second for change in law.change_days()):
        return
    tables = [rates(records, law, on=[day]).table.drop("on") for day in (first, second)]
    assert tables[0].equals(tables[1])


@settings(max_examples=60, deadline=None)
@given(ledgers(), books(), days)
def test_a_measure_with_empty_scope_changes_nothing(records: Ledger, law: Book, day: date) -> None:
    empty = measure(
        id="empty", family="gamma", rate=0.9, products=["9999"], sets=["alpha"], **{"from": "2024-01-01"}
    )
    before = rates(records, law, on=[day]).table
    after = rates(records, replace(law, measures=(*law.measures, empty)), on=[day]).table
    assert before.equals(after)


@settings(max_examples=60, deadline=None)
@given(ledgers(), books(), days, st.randoms(use_true_random=False))
def test_the_sequence_of_measures_in_the_files_does_not_matter(
    records: Ledger, law: Book, day: date, dice: object
) -> None:
    shuffled = list(law.measures)
    dice.shuffle(shuffled)  # type: ignore[attr-defined]
    before = rates(records, law, on=[day]).table["added_duty_usd"].to_list()
    after = rates(records, replace(law, measures=tuple(shuffled)), on=[day]).table["added_duty_usd"].to_list()
    assert after == pytest.approx(before, rel=1e-12, abs=1e-6)


@settings(max_examples=60, deadline=None)
@given(
    ledgers(),
    st.lists(st.sampled_from([0.05, 0.1, 0.25]), min_size=2, max_size=4),
    st.randoms(use_true_random=False),
)
def test_independent_measures_commute(records: Ledger, charged: list[float], dice: object) -> None:
    scopes = (["*"], ["73"], ["85", "87"])
    made = [measure(id=f"m{i}", rate=r, products=scopes[i % 3]) for i, r in enumerate(charged)]
    shuffled = list(made)
    dice.shuffle(shuffled)  # type: ignore[attr-defined]
    day = date(2025, 3, 1)
    one, two = (
        rates(records, book(*ms), on=[day]).table["added_duty_usd"].to_list() for ms in (made, shuffled)
    )
    assert two == pytest.approx(one, rel=1e-12)
