"""Sourcing: the optimum against brute force, the frontier, bands of duty, refusals."""

from datetime import date
from decimal import Decimal
from itertools import product

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from entrepot.errors import BillError, Infeasible, Unresolved
from entrepot.law.duty import duty
from entrepot.law.facts import Given
from entrepot.origin.bill import Bill, Charge, chosen, walk
from entrepot.origin.content import content
from entrepot.origin.determine import determine
from entrepot.origin.frontier import break_even, frontier, shadow_price
from entrepot.origin.sourcing import Law, Planner, cheapest
from law_cases import book, measure
from origin_cases import alternative, bill, part, rules

ON = date(2025, 6, 1)
CHN = {"fact": "content.CHN"}
BANDS = book(
    measure(id="low", rate=0.2, when=[{**CHN, "below": 0.3}]),
    measure(id="high", rate=0.4, when=[{**CHN, "at_least": 0.3}]),
)
SLOPED = book(
    measure(id="flat", rate=0.1), measure(id="part", family="beta", rate=0.5, portion={"fact": "content.CHN"})
)
PROGRAMME = book(measure(id="general", rate=0.25, when=[{"fact": "programme", "is_not": "TEST"}]))

HALF = rules({"kind": "value", "method": "max-non-originating", "at_most": "50 %"}, programme="TEST")
EITHER = rules(
    {
        "kind": "any-of",
        "rules": [
            {"kind": "change", "to": "heading"},
            {
                "kind": "all-of",
                "rules": [
                    {"kind": "value", "method": "build-up", "of": "fob", "at_least": "30 %"},
                    {"kind": "value", "method": "build-down", "of": "net-cost", "at_least": "35 %"},
                ],
            },
        ],
    },
    tolerances=[{"share": "10 %"}],
)
DIRECT = rules({"kind": "value", "method": "direct", "of": "fob", "at_least": "60 %"})

cents = st.integers(1, 4000).map(lambda n: Decimal(n) / 100)
places = st.sampled_from(["CHN", "VNM", "KOR", "GBR"])
codes = st.sampled_from(["852852", "852990", "854231"])


@st.composite
def bills(draw: st.DrawFn) -> Bill:
    parts = []
    for number in range(draw(st.integers(1, 4))):
        others = tuple(
            alternative(draw(places), draw(cents), product=draw(codes))
            for _ in range(draw(st.integers(0, 3)))
        )
        parts.append(part(f"p{number}", draw(places), draw(cents), draw(codes), alternatives=others))
    return bill(
        *parts, labour=draw(cents), profit=draw(cents), inland_freight=draw(cents), freight=draw(cents)
    )


def brute(made: Bill, cap: float | None, rule_set, law_book) -> Decimal | None:
    """The least landed cost over every choice, by the ordinary determination and the ordinary duty."""
    best = None
    slots = [(f"thing / {p.name}", (None, *p.alternatives)) for p in made.root.parts]
    for picks in product(*(options for _, options in slots)):
        taken = {path: pick for (path, _), pick in zip(slots, picks, strict=True) if pick is not None}
        one = chosen(made, taken)
        share = content(one).share("CHN").high
        if cap is not None and share > cap + 1e-12:
            continue
        if rule_set is not None and not determine(one, rule_set).qualifies:
            continue
        cost = one.fob_usd + one.sea_usd
        if law_book is not None:
            facts = [
                Given("content.CHN", round(share, 12)),
                Given("programme", rule_set.programme if rule_set and rule_set.programme else "none"),
            ]
            rate = (
                duty(law_book, one.root.product, "VNM", ON, Decimal(100), given=facts).outcomes[0].total_rate
            )
            assert rate is not None
            cost += Decimal(repr(round(rate, 12))) * one.value_usd
        best = cost if best is None else min(best, cost)
    return best


@settings(max_examples=120, deadline=None)
@given(
    bills(),
    st.sampled_from([None, 0.0, 0.15, 0.3, 0.5]),
    st.sampled_from([None, HALF, EITHER, DIRECT]),
    st.sampled_from([None, BANDS, SLOPED, PROGRAMME]),
)
def test_the_optimum_is_that_of_brute_force(made: Bill, cap, rule_set, law_book) -> None:
    expected = brute(made, cap, rule_set, law_book)
    law = None if law_book is None else Law(law_book, ON)
    caps = {} if cap is None else {"CHN": cap}
    if expected is None:
        with pytest.raises(Infeasible):
            cheapest(made, caps=caps, qualify=rule_set, law=law)
        return
    found = cheapest(made, caps=caps, qualify=rule_set, law=law)
    assert float(found.landed_usd) == pytest.approx(float(expected), abs=1e-6)
    assert cap is None or found.content.share("CHN").high <= cap + 1e-9
    assert rule_set is None or determine(found.bill, rule_set).qualifies


@pytest.mark.parametrize("made", [True, False], ids=["made by the producer", "bought, with what is in it"])
def test_a_part_bought_instead_brings_nothing_of_what_went_into_it(made: bool) -> None:
    chips = part("chips", "CHN", 30)
    board = part(
        "board",
        "VNM",
        40,
        "852990",
        made=made,
        parts=(chips,),
        charges=(Charge("labour", Decimal(10), "VNM"),),
        wholly_obtained=False,
        alternatives=(alternative("KOR", 45),),
    )
    plan = cheapest(bill(board, labour=5), caps={"CHN": 0.0})
    assert plan.bill.ex_works_usd == plan.landed_usd == 50
    assert [path for path, _ in walk(plan.bill.root)] == ["thing", "thing / board"]
    assert {e: plan.content.share(e).high for e in plan.content.economies()} == pytest.approx(
        {"KOR": 0.9, "VNM": 0.1}
    )


@settings(max_examples=30, deadline=None)
@given(bills(), st.sampled_from([None, BANDS]))
def test_the_frontier_is_monotone_and_relaxing_never_costs_more(made: Bill, law_book) -> None:
    planner = Planner(made, law=None if law_book is None else Law(law_book, ON))
    found = frontier(planner, "CHN", points=6)
    costs = [float(p.plan.landed_usd) for p in found]
    assert costs == sorted(costs)
    assert all(p.share <= p.cap + 1e-9 for p in found)
    assert all(p.per_point_usd >= -1e-9 for p in found)
    assert found[-1].share == pytest.approx(planner.least("CHN"), abs=1e-9)


def large(n: int = 60) -> Bill:
    parts = []
    for i in range(n):
        cost = Decimal(100 + (i * 37) % 211) / 100
        others = (
            alternative("KOR", cost * Decimal("1.1") + Decimal(i % 7) / 100),
            alternative("VNM", cost * Decimal("1.25")),
            alternative("JPN", cost * Decimal("1.05") + Decimal(i % 5) / 50),
        )
        parts.append(part(f"p{i}", "CHN", cost, alternatives=others))
    return bill(*parts, labour=20)


@pytest.mark.parametrize("cap", [0.05, 0.2, 0.45])
def test_cutting_a_large_problem_down_loses_nothing(cap: float, monkeypatch: pytest.MonkeyPatch) -> None:
    made = large()
    reduced = cheapest(made, caps={"CHN": cap})
    monkeypatch.setattr("entrepot.origin.solve.SMALL", 10**6)
    whole = cheapest(made, caps={"CHN": cap})
    assert float(reduced.landed_usd) == pytest.approx(float(whole.landed_usd), abs=1e-6)


def test_capacity_lead_time_and_minimum_order() -> None:
    made = Bill(
        bill(
            part(
                "chip",
                "CHN",
                10,
                alternatives=(
                    alternative("KOR", 11, capacity=Decimal(50)),
                    alternative("JPN", 12, lead_time_days=90),
                    alternative("TWN", 13, min_order=Decimal(150)),
                ),
            ),
            labour=10,
        ).root,
        volume=Decimal(100),
    )
    found = cheapest(made, caps={"CHN": 0.0}, lead_time_days=60)
    assert found.picks == {"thing / chip": ("TWN supplier", "TWN")}
    assert found.surplus_usd == Decimal("6.5")
    assert found.cost_usd == Decimal("29.5")
    assert [why.rpartition(": ")[2] for why in found.left_out] == [
        "capacity 50 of the 100 needed",
        "90 days, more than 60",
    ]


def test_an_impossible_cap_says_by_how_much() -> None:
    made = bill(part("chip", "CHN", 60, alternatives=(alternative("CHN", 40),)), labour=40)
    with pytest.raises(
        Infeasible, match=r"content of CHN at most 30 %.*reaches is 50\.00 %, 20\.00 points above"
    ):
        cheapest(made, caps={"CHN": 0.3})
    with pytest.raises(Infeasible, match=r"non-originating materials are at most 45 %.*5\.00 points"):
        cheapest(made, qualify=rules({"kind": "value", "method": "max-non-originating", "at_most": "45 %"}))


def test_each_can_be_met_but_not_both() -> None:
    made = bill(part("chip", "CHN", 30, alternatives=(alternative("KOR", 60),)), labour=40)
    with pytest.raises(Infeasible, match="together"):
        cheapest(made, caps={"CHN": 0.1}, qualify=HALF)


def test_a_fact_that_the_law_needs_is_named() -> None:
    asks = book(measure(rate=0.4, when=[{"fact": "transshipped", "is": True}]))
    with pytest.raises(Unresolved, match=r"transshipped.*--fact"):
        cheapest(bill(part("a", "CHN", 1), labour=1), law=Law(asks, ON))
    weaving = rules({"kind": "process", "fact": "process.weaving", "text": "Weaving"})
    with pytest.raises(Unresolved, match=r"process\.weaving"):
        cheapest(bill(part("a", "CHN", 1), labour=1), qualify=weaving)


def test_the_band_is_left_exactly_where_the_law_says() -> None:
    # Below 30 % the duty is 20 %; at 30 % it is 40 %: a share of exactly 30 % does not do.
    made = bill(part("chip", "CHN", 30, alternatives=(alternative("KOR", 31),)), labour=70)
    found = cheapest(made, law=Law(BANDS, ON))
    assert found.duty_rate == pytest.approx(0.2)
    assert found.picks


def test_price_of_the_cap_and_when_it_pays_to_comply() -> None:
    made = bill(part("chip", "CHN", 50, alternatives=(alternative("KOR", 60),)), labour=50)
    planner = Planner(made)
    assert shadow_price(planner, "CHN", {"CHN": 0.495}) == pytest.approx(10.0)
    comply = Planner(made, law=Law(BANDS, ON)).best({"CHN": 0.3})
    answer = break_even(comply, planner.best({}), 0.2, 0.4)
    # 110 at 20 % is 132; 100 is 120 unfound and 140 found.
    assert answer.probability == pytest.approx(0.6)
    assert "60.0 %" in str(answer)


def test_alternatives_inside_a_bought_part_are_refused() -> None:
    inner = part("chip", "CHN", 5, alternatives=(alternative("KOR", 6),))
    with pytest.raises(BillError, match="inside a part that is bought"):
        cheapest(bill(part("module", "CHN", 10, parts=(inner,)), labour=1))
