"""Determination: three kinds of answer, absorption, the UK–Viet Nam set, and arrays against single bills."""

import json
from decimal import Decimal
from pathlib import Path

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from entrepot.errors import BillError, RuleError
from entrepot.origin.batch import determine_all
from entrepot.origin.codes import within
from entrepot.origin.determine import compare, determine
from entrepot.origin.read import parse_bill
from entrepot.origin.rulesets import find_rules, names, parse_rules
from entrepot.origin.table import bill_table
from entrepot.origin.uk import from_uk, how, plain, understand
from origin_cases import bill, part, rules

HALF = {"kind": "value", "method": "max-non-originating", "at_most": "50 %"}


def test_every_answer_names_rule_number_threshold_and_part() -> None:
    found = determine(bill(part("panel", "CHN", 60, "852491"), labour=40), rules(HALF))
    finding = found.readings[0].finding
    assert (found.answer, found.qualifies, found.outcome) == ("resolved", False, "not originating")
    assert finding.arithmetic == "non-originating 60.00 / ex-works price 100.00 USD = 60.00 %, at most 50 %"
    assert str(finding.parts[0]) == "thing / panel (60.00 USD, 852491): origin CHN"
    assert (finding.number, finding.limit) == (0.6, 0.5)


def test_a_share_that_rounds_to_its_limit_is_shown_with_the_digits_that_decide() -> None:
    found = determine(bill(part("panel", "CHN", "50.001"), labour="49.999"), rules(HALF))
    assert found.qualifies is False
    assert "50.0010 %" in found.readings[0].finding.arithmetic


def test_an_unknown_origin_is_open_only_where_it_matters() -> None:
    small = determine(bill(part("panel", "CHN", 40), part("bolt", "?", 5), labour=55), rules(HALF))
    assert small.answer == "resolved"
    large = determine(bill(part("panel", "CHN", 40), part("box", ("CHN", "VNM"), 20), labour=40), rules(HALF))
    assert (large.answer, large.qualifies) == ("unresolved", None)
    assert large.missing == ("origin of thing / box (from CHN or VNM)",)


def test_readings_that_differ_are_ambiguous_and_can_be_picked() -> None:
    two = {
        "rules": [
            {
                "products": ["8528"],
                "part": True,
                "heading": "ex 8528",
                "description": "monitors",
                "rule": HALF,
            },
            {
                "products": ["8528"],
                "part": True,
                "heading": "ex 8528",
                "description": "projectors",
                "rule": {**HALF, "at_most": "70 %"},
            },
        ]
    }
    made = bill(part("panel", "CHN", 60), labour=40)
    found = determine(made, rules(HALF, **two))
    assert (found.answer, len(found.readings)) == ("ambiguous", 2)
    assert determine(made, rules(HALF, **two), reading="projectors").qualifies is True


def test_the_narrower_rule_goes_first_unless_it_covers_a_part() -> None:
    whole = {"products": ["85"], "rule": {"kind": "change"}, "heading": "chapter 85"}
    narrow = {"products": ["8528"], "rule": HALF, "heading": "8528"}
    chosen = rules(HALF, rules=[whole, narrow]).rules_for("852852")
    assert [r.heading for r in chosen] == ["8528"]
    partly = rules(HALF, rules=[whole, {**narrow, "part": True}]).rules_for("852852")
    assert len(partly) == 2


def test_a_part_made_here_is_absorbed_or_looked_through() -> None:
    chip = part("chip", "CHN", 30, "854231")
    good = part("board", "VNM", 60, "853710", made=True, parts=(chip, part("base", "VNM", 30, "392690")))
    bad = part("board", "VNM", 60, "853710", made=True, parts=(chip, part("cover", "CHN", 30, "853890")))
    limit = {**HALF, "at_most": "45 %"}
    assert determine(bill(good, labour=40), rules(HALF)).readings[0].finding.number == 0.0
    looked = determine(bill(bad, part("x", "VNM", 10), labour=30), rules(limit))
    assert [m.path.rpartition(" / ")[2] for m in looked.materials] == ["chip", "cover", "x"]
    assert looked.readings[0].finding.number == pytest.approx(0.6)


def test_made_outside_the_parties_is_said() -> None:
    found = determine(bill(part("a", "VNM", 1), made_in="CHN", labour=1), rules(HALF))
    assert found.qualifies is False
    assert "CHN, which is no party (VNM, GBR)" in found.readings[0].finding.arithmetic


def test_operations_that_confer_nothing_beat_every_rule() -> None:
    made = bill(part("a", "VNM", 1), labour=1, facts={"minimal-operations": True})
    assert determine(made, rules(HALF)).qualifies is False


def test_a_process_is_asked_for_by_name() -> None:
    weaving = {"kind": "process", "fact": "process.weaving", "text": "Weaving"}
    found = determine(bill(part("yarn", "CHN", 5), labour=5), rules(weaving))
    assert found.answer == "unresolved"
    assert "process.weaving" in found.missing[0]
    done = bill(part("yarn", "CHN", 5), labour=5, facts={"process.weaving": "VNM"})
    assert determine(done, rules(weaving)).qualifies is True


def test_weights() -> None:
    sugar = {"kind": "weight", "materials": ["1701"], "at_most": "20 %"}
    light = part("sugar", "CHN", 1, "170199", weight_kg=Decimal("0.2"))
    made = bill(light, labour=1, weight_kg=Decimal(1), product="190590")
    assert determine(made, rules(sugar)).qualifies is True
    assert determine(bill(light, labour=1, product="190590"), rules(sugar)).missing == ("weight of thing",)


def test_caps_look_through_and_stay_open_where_content_is() -> None:
    module = part("module", "TWN", 50, "853710", parts=(part("chip", "CHN", 40),))
    cap = {"kind": "cap", "economy": "CHN", "at_most": "30 %"}
    loose = {"parties": []}
    assert determine(bill(module, labour=50), rules(cap, **loose)).qualifies is False
    assert determine(bill(module, labour=50), rules({**cap, "tiers": "direct"}, **loose)).qualifies is True
    open_ = determine(bill(part("m", "?", 50), labour=50), rules(cap, **loose))
    assert open_.missing == ("content of thing / m",)


def test_every_built_in_set_can_be_compared() -> None:
    path = Path(__file__).resolve().parents[1] / "examples" / "bills" / "running-shoes.toml"
    made = parse_bill(path.read_text(encoding="utf-8"))
    found = {d.rule_set.name: d.outcome for d in compare(made, [find_rules(name) for name in names()])}
    assert found == {
        "atiga": "originating",
        "cfr-102": "unresolved",
        "chn-30": "not met",
        "uk-vietnam": "originating",
    }


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("name = ", "can't be read"),
        ('name = "x"\ntitle = "x"\nreference = "x"\n', "rules"),
        (
            'name = "x"\ntitle = "x"\nreference = "x"\n[[rules]]\nproducts = ["85"]\nrule = { kind = "chnage" }',
            "chnage",
        ),
        (
            'name = "x"\ntitle = "x"\nreference = "x"\n[[rules]]\nproducts = ["9-1"]\nrule = { kind = "change" }',
            "9-1",
        ),
        (
            'name = "x"\ntitle = "x"\nreference = "x"\n[[rules]]\nproducts = ["85"]\n'
            'rule = { kind = "value", method = "build-down", at_most = 0.4 }',
            "needs at_least",
        ),
    ],
)
def test_a_bad_rule_set_is_refused(text: str, words: str) -> None:
    with pytest.raises(RuleError, match=words):
        parse_rules(text, "x.toml")
    with pytest.raises(RuleError, match="uk-vietnam"):
        find_rules("uk-vietnm")


@pytest.mark.parametrize(
    ("text", "kind", "words"),
    [
        (
            "Manufacture from materials of any heading, except that of the product.",
            "understood",
            "any heading except",
        ),
        (
            "Manufacture from materials of any heading, except that of the product and [heading 8529](/x).",
            "understood",
            "heading 8529",
        ),
        (
            "Manufacture in which the value of all the materials used does not exceed **70%** of the ex-works price "
            "of the product.",
            "understood",
            "70 %",
        ),
        ("Weaving accompanied by dyeing.", "fact", "Weaving accompanied by dyeing"),
        ("Operations of refining or one or more specific process(es)2.", "not understood", "refining"),
        (
            "Manufacture from materials of any heading, except that of the product, in which the weight of sugar used "
            "does not exceed 20% of the weight of the final product.",
            "understood",
            "heading 1701 and heading 1702 weigh at most 20 %",
        ),
        (
            "Manufacture from materials of any subheading, except that of the product and except materials of "
            "subheading 290544. However, materials of the same subheading as the product may be used, provided that "
            "their total value does not exceed 20% of the ex-works price of the product.",
            "understood",
            "subheading 290544",
        ),
        (
            "Manufacture from materials of any heading, except something unheard of.",
            "not understood",
            "unheard",
        ),
    ],
)
def test_rule_texts_of_uk_agreements(text: str, kind: str, words: str) -> None:
    rule = understand(text)
    assert how(rule) == kind
    assert words in str(rule)


def test_the_uk_viet_nam_set_is_read_whole(shared: Path) -> None:
    source = shared / "rules-of-origin" / "uk-vietnam.json"
    reading = from_uk(json.loads(source.read_text(encoding="utf-8")), str(source))
    assert len(reading.rule_set.rules) == 383
    assert reading.counts == {"understood": 396, "fact": 201, "not understood": 10}
    assert sum(reading.counts.values()) == 607
    assert len(reading.open_rules) == 10
    assert reading.rule_set == find_rules("uk-vietnam")


def test_what_the_reader_says_agrees_with_the_classes_of_the_table(shared: Path) -> None:
    source = shared / "rules-of-origin" / "uk-vietnam.json"
    entries = json.loads(source.read_text(encoding="utf-8"))["rule_sets"]
    for rule in (r for e in entries for r in e["rules"]):
        read, classes = understand(rule["rule"]), rule["class"]
        if classes == ["CTH"] and "However" not in rule["rule"]:
            assert "any heading except that of the product" in str(read), plain(rule["rule"])
        if classes == ["MAXNOM"] and rule["rule"].startswith("Manufacture in which the value of all"):
            assert read.kind == "value"
        if classes == ["CC"]:
            assert "any chapter" in str(read)


def test_codes() -> None:
    assert within("852852", ["8528"]) is True
    assert within("8528", ["852852"]) is None
    assert within("8529", ["8530-8540", "84"]) is False
    assert within("", ["84"]) is None
    assert within("", ["*"]) is True


# -- arrays

ROW = {"bill": "lamp", "product": "940521", "made_in": "VNM"}
SHADE = {"bill": "lamp", "part": "shade", "product": "940599", "origin": "CHN", "value_usd": 4.0}


@pytest.mark.parametrize(
    ("rows", "words"),
    [
        ([ROW, {**SHADE, "colour": "red"}], "colour"),
        ([SHADE | {"made_in": None}], "no row for the product itself"),
        ([ROW, {**SHADE, "in": "base"}], "'base', which has no row"),
        ([ROW, {**SHADE, "value_usd": -1.0}], "lamp / shade: value_usd is negative"),
        ([ROW, {**SHADE, "value_usd": None}], "cost is missing"),
        ([ROW, SHADE, SHADE], "named twice"),
        ([ROW, ROW, SHADE], "two rows"),
        ([ROW, {**SHADE, "in": "rim"}, {**SHADE, "part": "rim", "in": "shade"}], "circle"),
        ([ROW, {"bill": "lamp", "kind": "bribe", "value_usd": 1.0}], "kind is none of"),
        ([ROW, SHADE, {**SHADE, "part": "wire", "in": "shade", "value_usd": 5.0}], "more than its own value"),
        ([ROW, {**SHADE, "origin": "Chinna"}], "Chinna"),
    ],
)
def test_a_bad_table_is_refused_naming_bill_and_part(rows: list[dict[str, object]], words: str) -> None:
    with pytest.raises(BillError, match=words):
        determine_all(bill_table(pl.DataFrame(rows, infer_schema_length=None), "t.csv"), rules(HALF))


origins = st.sampled_from(["CHN", "VNM", "GBR", "unknown", "CHN|VNM", "KOR"])
codes = st.sampled_from(["852852", "8528", "852990", "854231", "", "940161", "3926"])
cents = st.integers(0, 3000).map(lambda n: n / 100)
SETS = [
    rules(HALF),
    rules({"kind": "change", "to": "heading"}, tolerances=[{"share": "10 %"}]),
    rules({"kind": "change", "to": "subheading", "except": ["8529"], "allow_share": "20 %"}),
    rules(
        {"kind": "value", "method": "build-up", "of": "net-cost", "at_least": "35 %"},
        cumulation={"kind": "none"},
    ),
    rules(
        {"kind": "value", "method": "direct", "of": "fob", "at_least": "40 %"}, cumulation={"kind": "full"}
    ),
    rules({"kind": "all-of", "rules": [{"kind": "change"}, {**HALF, "materials": ["85"]}]}),
    rules(
        {
            "kind": "any-of",
            "rules": [{"kind": "wholly-obtained"}, {"kind": "change", "to": "any", "only": ["85"]}],
        }
    ),
]


@st.composite
def tables(draw: st.DrawFn) -> pl.DataFrame:
    rows: list[dict[str, object]] = []
    for number in range(draw(st.integers(1, 3))):
        name = f"b{number}"
        rows.append({"bill": name, "product": draw(codes.filter(bool)), "made_in": "VNM"})
        modules = draw(st.integers(0, 2))
        for m in range(modules):
            into = f"m{m - 1}" if m and draw(st.booleans()) else None
            rows.append(
                {
                    "bill": name,
                    "part": f"m{m}",
                    "in": into,
                    "product": draw(codes),
                    "made_in": draw(st.sampled_from(["here", "GBR"])),
                }
            )
        places = [None, *(f"m{m}" for m in range(modules))]
        wanted = draw(st.integers(0, 5))
        rows += [
            {
                "bill": name,
                "part": f"p{k}",
                "in": draw(st.sampled_from(places)),
                "product": draw(codes),
                "origin": draw(origins),
                "quantity": float(draw(st.integers(1, 3))),
                "unit_cost_usd": draw(cents),
                "originating": draw(st.sampled_from([None, None, "test"])),
            }
            for k in range(wanted)
        ]
        # Whatever is made holds something.
        rows += [
            {
                "bill": name,
                "part": f"q{m}",
                "in": f"m{m}",
                "product": draw(codes),
                "origin": draw(origins),
                "unit_cost_usd": draw(cents),
            }
            for m in range(modules)
        ]
        rows += [
            {
                "bill": name,
                "kind": draw(st.sampled_from(["labour", "profit", "royalty", "inland-freight"])),
                "value_usd": draw(cents) + 1,
            }
            for _ in range(2)
        ]
    return pl.DataFrame(rows, infer_schema_length=None)


@settings(max_examples=150, deadline=None)
@given(tables(), st.sampled_from(SETS))
def test_arrays_and_single_bills_answer_alike(frame: pl.DataFrame, chosen) -> None:
    table = bill_table(frame)
    found = determine_all(table, chosen)
    for row, made in zip(found.iter_rows(named=True), table.bills(), strict=True):
        single = determine(made, chosen)
        assert (row["answer"], row["qualifies"]) == (single.answer, single.qualifies), (row, made)
        deciding = single.readings[0].finding.deciding()
        if row["number"] is not None and deciding.number is not None and row["rule"] == deciding.rule:
            assert row["number"] == pytest.approx(deciding.number)


def test_a_table_names_what_is_missing() -> None:
    rows = [ROW, {**SHADE, "origin": "unknown"}, {"bill": "lamp", "kind": "labour", "value_usd": 1.0}]
    found = determine_all(bill_table(pl.DataFrame(rows, infer_schema_length=None)), rules(HALF))
    assert found["answer"][0] == "unresolved"
    assert "origin of lamp / shade" in found["missing"][0]
