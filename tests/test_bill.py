"""Bills: one small bad file per error, sums to the last digit, content conserved."""

from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from entrepot.errors import BillError
from entrepot.origin.bill import walk
from entrepot.origin.content import Range, content
from entrepot.origin.read import parse_bill, read_bill
from origin_cases import bill, part

EXAMPLES = sorted((Path(__file__).resolve().parents[1] / "examples" / "bills").glob("*.toml"))

TOP = '[product]\nname = "lamp"\nproduct = "940521"\nmade_in = "VNM"\n'
SHADE = '[[part]]\nname = "shade"\norigin = "CHN"\nproduct = "940599"\nvalue_usd = 4\n'


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (TOP + SHADE.replace('"CHN"', '"Chinna"'), ["lamp / shade", "Chinna", "CHN"]),
        (TOP + SHADE.replace("= 4", "= -4"), ["shade", "value_usd", "-4"]),
        (TOP + SHADE.replace("value_usd = 4\n", ""), ["lamp / shade", "cost is missing", "unit_cost_usd"]),
        (TOP + SHADE + 'in = "base"\n', ["'shade'", "'base'", "no [[part]]"]),
        (TOP + SHADE + SHADE, ["two parts", "shade"]),
        (TOP + SHADE + 'colour = "red"\n', ["shade", "colour"]),
        (TOP + SHADE + 'suplier = "x"\n', ["suplier", "near: supplier"]),
        (TOP + '[[part]]\nname = "base"\nmade_in = "here"\n', ["lamp / base", "no part goes into it"]),
        (TOP + '[[part]]\nname = "base"\nvalue_usd = 3\n', ["lamp / base", "origin", "made_in"]),
        (
            TOP
            + SHADE
            + 'in = "rim"\n'
            + '[[part]]\nname = "rim"\norigin = "CHN"\nvalue_usd = 5\nin = "shade"\n',
            ["circle", "shade / rim / shade"],
        ),
        (
            TOP + SHADE + '[[part]]\nname = "wire"\norigin = "CHN"\nvalue_usd = 5\nin = "shade"\n',
            ["lamp / shade", "5.00 USD", "4.00 USD", "worth more than the whole"],
        ),
        (TOP + "price_usd = 3\n" + SHADE, ["lamp", "more than its price", "3 USD"]),
        (TOP + SHADE + "unit_cost_usd = 3\nquantity = 2\n", ["2 × 3 USD", "not 4"]),
        (TOP + SHADE + "content = { CHN = 0.9, VNM = 0.2 }\n", ["lamp / shade", "1.1"]),
        (TOP + SHADE + '[[cost]]\nkind = "bribe"\nvalue_usd = 1\n', ["bribe", "labour"]),
        (
            TOP + SHADE + '[[cost]]\nkind = "freight"\nvalue_usd = 1\nin = "shade"\n',
            ["freight", "whole product"],
        ),
        ("[product\n", ["no TOML"]),
        (TOP.replace('product = "940521"\n', ""), ["[product]", "product", "missing"]),
        (TOP.replace("940521", "94052"), ["94052"]),
    ],
)
def test_a_bad_bill_is_refused_naming_the_node(text: str, words: list[str]) -> None:
    with pytest.raises(BillError) as error:
        parse_bill(text, "lamp.toml")
    message = str(error.value)
    assert "lamp.toml" in message
    assert "\n" not in message
    for word in words:
        assert word in message


def test_a_missing_file_is_said(tmp_path: Path) -> None:
    with pytest.raises(BillError, match=r"none\.toml: can't be read"):
        read_bill(tmp_path / "none.toml")


def test_decimals_stay_as_written_and_quantities_multiply_down_the_tree() -> None:
    text = TOP + (
        '[[part]]\nname = "arm"\nmade_in = "here"\nquantity = 3\n'
        '[[part]]\nname = "screw"\nin = "arm"\norigin = "CHN"\nquantity = 4\nunit_cost_usd = 0.1\n'
        '[[cost]]\nkind = "labour"\nin = "arm"\nvalue_usd = 0.7\n'
        '[[cost]]\nkind = "profit"\nvalue_usd = 0.2\n[[cost]]\nkind = "inland-freight"\nvalue_usd = 0.05\n'
        '[[cost]]\nkind = "freight"\nvalue_usd = 1\n'
    )
    read = parse_bill(text)
    assert read.materials_usd == Decimal("3.3")
    assert (read.ex_works_usd, read.fob_usd, read.value_usd) == (
        Decimal("3.5"),
        Decimal("3.55"),
        Decimal("3.55"),
    )
    assert read.net_cost_usd == Decimal("3.3")
    assert dict(walk(read.root))["lamp / arm / screw"].quantity == 12


def test_a_given_price_leaves_profit() -> None:
    read = parse_bill(TOP + "price_usd = 10\n" + SHADE)
    assert read.net_cost_usd == 4
    assert read.ex_works_usd == 10


def test_content_goes_through_assemblies_and_what_nobody_knows_is_a_range() -> None:
    maker = part("module", "CHN", 50, parts=(part("chip", "TWN", 30), part("case", "?", 5)))
    found = content(bill(maker, part("screen", ("CHN", "KOR"), 20), labour=30))
    assert found.share("TWN") == Range(0.3, 0.35)
    assert found.share("CHN") == Range(0.15, 0.4)
    assert found.share("VNM") == Range(0.3, 0.35)
    assert found.unknown == pytest.approx(0.05)
    direct = content(bill(maker, part("screen", "KOR", 20), labour=30), direct=True)
    assert direct.share("CHN") == Range(0.5, 0.5)


def test_stated_content_leaves_its_rest_open() -> None:
    found = content(bill(part("battery", "CHN", 10, content={"CHN": 0.6, "KOR": 0.1}), labour=10))
    assert found.share("CHN").low == pytest.approx(0.3)
    assert found.share("CHN").high == pytest.approx(0.45)


class Halves:
    """Says that everything from China is half Taiwanese, and knows nothing of others."""

    source = "a test"

    def shares(self, product: str, origin: str) -> dict[str, float] | None:
        return {"CHN": 0.5, "TWN": 0.5} if origin == "CHN" and product else None


def test_an_estimate_fills_leaves_alone_and_says_so() -> None:
    found = content(bill(part("a", "CHN", 40), part("b", "KOR", 20), labour=40), estimate=Halves())
    assert found.share("TWN") == Range(0.2, 0.2)
    assert found.share("KOR") == Range(0.2, 0.2)
    assert found.of_basis("estimate") == pytest.approx(0.4)
    assert found.source == "a test"


economies = st.sampled_from(["VNM", "CHN", "KOR", "?", ("CHN", "TWN")])
leaves = st.tuples(economies, st.integers(0, 5000).map(lambda cents: Decimal(cents) / 100))


@settings(deadline=None)
@given(st.lists(st.tuples(leaves, st.lists(leaves, max_size=3)), max_size=4))
def test_content_is_conserved(
    tree: list[tuple[tuple[object, Decimal], list[tuple[object, Decimal]]]],
) -> None:
    parts = []
    for number, ((origin, own), below) in enumerate(tree):
        inside = tuple(part(f"{number}.{k}", o, v) for k, (o, v) in enumerate(below))
        value = own + sum((p.value_usd for p in inside), Decimal(0))
        parts.append(part(str(number), origin, value, parts=inside))
    made = bill(*parts, labour="1.23")
    found = content(made)
    assert found.total_usd == made.value_usd
    assert sum(p.value_usd for p in found.pieces) == found.total_usd
    named = [found.share(e) for e in found.economies() if e != "*"]
    assert sum(s.low for s in named) <= 1 + 1e-9
    assert sum(s.high for s in named) + found.unknown >= 1 - 1e-9


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda p: p.stem)
def test_the_examples_are_in_order(path: Path) -> None:
    read = read_bill(path)
    assert content(read).total_usd == read.value_usd
    assert read.about
