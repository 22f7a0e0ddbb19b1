"""One measure: what it may say, and what it is on a day."""

import re
from datetime import date

import pytest
from pydantic import ValidationError

from law_cases import measure


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"rate": 20}, 'write 0.2, or "2000 %"'),
        ({"rate": -0.1}, "greater than or equal to 0"),
        ({"rate": "twenty"}, "write a fraction"),
        ({"until": "2025-01-15"}, "is not after from"),
        ({"products": ["87AB"]}, "without dots"),
        ({"products": ["8703.23"]}, "without dots"),
        ({"products": ["870"]}, "2, 4, 6, 8 or 10 digits"),
        ({"origins": ["Vietnam"]}, "ISO code"),
        ({"origins": []}, "include is empty"),
        ({"orign": ["VNM"]}, "Extra inputs"),
        ({"family": "Section 232"}, "pattern"),
        ({"status": "ended"}, "needs `until`"),
        ({"rate": {"specific": 0.5}}, "needs its unit"),
        ({"rate": {"floor": 0.15}}, "names the families"),
        ({"rate": {"ad_valorem": 0.1, "fact": "mfn"}}, "give one of"),
        ({"when": [{"fact": "transshipped"}]}, "exactly one"),
        ({"when": [{"fact": "x", "is": True, "below": 0.3}]}, "exactly one"),
        ({"sets": ["alpha"], "readings": [{"name": "a"}]}, "in the readings"),
    ],
)
def test_a_wrong_measure_is_refused_with_what_would_do(fields: dict[str, object], words: str) -> None:
    with pytest.raises(ValidationError, match=re.escape(words)):
        measure(**fields)


def test_percent_and_fraction_are_the_same_number() -> None:
    for text, fraction in (
        ("20 %", 0.2),
        ("12.5%", 0.125),
        ("8.75 %", 0.0875),
        ("145 %", 1.45),
        ("350 %", 3.5),
    ):
        assert measure(rate=text).rate.ad_valorem == fraction


def test_status_follows_the_dates() -> None:
    m = measure(until="2026-02-20", **{"from": "2025-08-07"})
    days = ["2025-08-06", "2025-08-07", "2026-02-19", "2026-02-20"]
    assert [m.status_on(date.fromisoformat(d)) for d in days] == [
        "announced",
        "in force",
        "in force",
        "ended",
    ]


def test_an_end_counts_from_the_day_it_was_known() -> None:
    m = measure(until="2026-02-20", until_published="2026-02-20", **{"from": "2025-08-07"})
    later = date(2026, 3, 1)
    assert m.status_on(later, as_known=date(2026, 1, 1)) == "in force"
    assert m.status_on(later, as_known=date(2026, 2, 20)) == "ended"


def test_a_suspension_counts_from_the_day_it_was_known() -> None:
    pause = {"from": "2025-04-10", "until": "2025-08-07", "published": "2025-04-09", "reference": "a pause"}
    m = measure(suspended=[pause], **{"from": "2025-04-09"})
    assert m.status_on(date(2025, 5, 1)) == "suspended"
    assert m.status_on(date(2025, 8, 7)) == "in force"
    assert m.status_on(date(2025, 5, 1), as_known=date(2025, 4, 8)) == "in force"
    assert m.change_days() == {date(2025, 4, 9), date(2025, 4, 10), date(2025, 8, 7)}


def test_what_was_only_announced_is_never_in_force() -> None:
    m = measure(status="announced")
    assert m.status_on(date(2030, 1, 1)) == "announced"
    assert m.change_days() == set()
