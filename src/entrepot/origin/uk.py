"""Rules of UK trade agreements from the JSON of the UK online tariff's rule tables, read into our grammar.

Every rule is one of three: *understood* (codes, values and weights that a bill decides), *a fact* (an
operation or a material that no code tells; the bill is asked for it), or *not understood* (it stays open and
is listed). Rules of one set are alternatives. "Sugar" is read as headings 1701 and 1702.
"""

from __future__ import annotations

import html
import re
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from entrepot.errors import RuleError
from entrepot.origin.rules import (
    AllOf,
    AnyOf,
    Change,
    Cumulation,
    NotUnderstood,
    Process,
    ProductRule,
    Rule,
    RuleSet,
    Tolerance,
    Value,
    Weight,
    WhollyObtained,
    leaves_of,
)

SUGAR = ("1701", "1702")

_NO_OPERATION = ("Manufacture in which all the", "Manufacture from materials")
"""How rules begin that are about materials: what of them isn't understood is no operation to ask for."""

_LINK = re.compile(r"\[([^\]]*)\]\([^)]*\)")
_CODE = re.compile(r"(chapter |heading |subheading )?\b(\d{1,2}|\d{4}|\d{6})\b")
_PERCENT = r"(\d+(?:\.\d+)?)%"
_EXW = r"of the ex-works price of the (?:product|set)"
_VALUE = re.compile(rf"the value of all the materials used does not exceed {_PERCENT} {_EXW}")
_CHANGE = re.compile(
    r"Manufacture from materials of any (?P<to>chapter|heading|subheading),? except that of the product"
    r"(?P<except> and (?:of |except materials of )?(?:heading|chapter|subheading)[^,.]*)?(?P<rest>.*)",
    re.DOTALL,
)
_ANY = re.compile(
    r"Manufacture from materials of any heading(?:, except those of (?P<except>[^.]*)|, including other "
    r"materials of [^.]*)?(?P<rest>,? in which.*)?\.?",
    re.DOTALL,
)
_OTHER_HEADING = re.compile(
    r"Other operations in which all the materials used are classified within a heading other than that of "
    r"the product\.(?P<rest>.*)",
    re.DOTALL,
)
_SAME_ALLOWED = re.compile(
    rf"However, materials of the same (?:heading|subheading) as the product may be used, provided that their "
    rf"total value does not exceed {_PERCENT} {_EXW}"
)
_ONLY = re.compile(
    r"Manufacture from (?:ingots or other primary forms or |semi-finished )*(?:semi-finished )?materials of "
    r"(?:heading |chapter |subheading )(?P<codes>.*)\.",
    re.DOTALL,
)
_OBTAINED = re.compile(
    r"all the materials of (?P<codes>(?:chapter|heading|subheading).*?) used are wholly obtained"
)
_WEIGHT = re.compile(
    rf"(?:the (?P<each>individual )?(?:total combined )?weight of )?(?P<what>(?:sugar|the materials of|materials of)"
    rf"[^%]*?) used does not exceed {_PERCENT} of the (?P<of>weight of the final products?|total weight of)"
)
_SOME_VALUE = re.compile(
    rf"Manufacture in which the total value of the materials of (?P<codes>[^%]*) used does not exceed "
    rf"(?P<share>\d+(?:\.\d+)?)% {_EXW}\."
)
_SET_VALUE = re.compile(
    rf"Manufacture from materials of any heading, except those of (?P<codes>[^.]*)\. However, tools of (?P=codes) may "
    rf"be incorporated into the set, provided that their total value does not exceed (?P<share>\d+)% {_EXW}\."
)
_SET = re.compile(
    rf"Each item in the set must satisfy.*does not exceed {_PERCENT} of the ex-works", re.DOTALL
)
_FOOTNOTE = re.compile(r"\)\d\b")


@dataclass(frozen=True)
class Reading:
    """A rule set read from such a file, with how each rule was read.

    counts: rules by `understood`, `fact`, `not understood`; open_rules: heading and text of the last.
    """

    rule_set: RuleSet
    counts: Mapping[str, int]
    open_rules: tuple[tuple[str, str], ...]


def from_uk(entries: Mapping[str, Any], file: str = "rules") -> Reading:
    """The rule set of an agreement from its table; general provisions are those of UK–Viet Nam if it is that.

    Raises RuleError, naming the set, if an entry lacks a key or holds no codes.
    """
    rules, counts, left = [], Counter[str](), []
    for number, entry in enumerate(entries["rule_sets"], 1):
        try:
            found = [understand(rule["rule"]) for rule in entry["rules"]]
            codes = (_range(entry["min"], entry["max"]),)
            heading, description = entry["heading"], entry["subdivision"]
        except (KeyError, TypeError) as error:
            raise RuleError(f"{file}: rule set {number}: {error} is missing or of another kind") from None
        for rule, given in zip(found, entry["rules"], strict=True):
            kind = how(rule)
            counts[kind] += 1
            if kind == "not understood":
                left.append((heading, plain(given["rule"])))
        rules.append(
            ProductRule(
                products=codes,
                rule=found[0] if len(found) == 1 else AnyOf(rules=tuple(found)),
                heading=heading if not heading[0].isdigit() else f"heading {heading}",
                description=plain(description).rstrip("; "),
                part=heading.startswith("ex"),
            )
        )
    name = file.rpartition("/")[2].rpartition(".")[0] or file
    general = (
        UK_VIETNAM if "vietnam" in name.lower() else {"name": _slug(name), "title": name, "reference": file}
    )
    return Reading(RuleSet(rules=tuple(rules), **general), dict(counts), tuple(left))


UK_VIETNAM: dict[str, Any] = {
    "name": "uk-vietnam",
    "title": "UK–Viet Nam Free Trade Agreement",
    "reference": "Protocol 1, Annex II, as the agreement takes it over from the EU–Viet Nam agreement",
    "source": (
        "Contains public sector information licensed under the Open Government Licence v3.0: rule tables of the "
        "UK online tariff (trade-tariff/rules-of-origin-builder-uk @7705074)"
    ),
    "parties": ("GBR", "VNM"),
    "cumulation": Cumulation(kind="bilateral"),
    "tolerances": (
        Tolerance(share=0.10, by="ex-works", products=("01-49", "64-97"), reference="Protocol 1, tolerance"),
    ),
    "programme": "UKVFTA",
    "conditions": (
        "more than the insufficient operations of the protocol; direct transport; a proof of origin",
        "textiles (chapters 50 to 63) have tolerances of their own in Annex I, notes 6 and 7, which are not here",
    ),
}
"""General provisions, which the table doesn't hold: parties, bilateral cumulation and tolerance of the protocol."""


def understand(text: str) -> Rule:
    """One rule text in our grammar; an operation becomes a fact, what is left is not understood."""
    words = plain(text)
    for reader in (_by_value, _by_change, _by_any, _by_set, _by_only, _by_obtained, _by_uppers):
        rule = reader(words)
        if rule is not None:
            return rule
    if _FOOTNOTE.search(words) or not words[:1].isalpha() or words.startswith(_NO_OPERATION):
        return NotUnderstood(text=words)
    return _fact(words)


def how(rule: Rule) -> str:
    """How a rule was read: `understood`, `fact` (a bill has to state one) or `not understood`."""
    kinds = {leaf.kind for leaf in leaves_of(rule)}
    if "not-understood" in kinds:
        return "not understood"
    return "fact" if "process" in kinds else "understood"


def plain(text: str) -> str:
    """A text without marks of layout: links, bold, entities, line breaks."""
    words = html.unescape(_LINK.sub(r"\1", text)).replace("\xa0", " ").replace("*", "")
    words = re.sub(r"\s*\n+\s*-?\s*", " ", words)
    return re.sub(r"\bheading heading\b", "heading", re.sub(r"  +", " ", words)).strip()


def codes_in(text: str) -> tuple[str, ...]:
    """The codes that a text names: `heading 1101 to heading 1108, chapter 4` is 1101-1108, 04."""
    codes: list[str] = []
    last_end = 0
    for found in _CODE.finditer(text):
        digits = found[2].zfill(2)
        between = text[last_end : found.start()]
        if codes and between.strip() == "to":
            codes[-1] = f"{codes[-1]}-{digits}"
        else:
            codes.append(digits)
        last_end = found.end()
    return tuple(codes)


def _by_change(words: str) -> Rule | None:
    found = _CHANGE.fullmatch(words)
    if found is None:
        found_other = _OTHER_HEADING.fullmatch(words)
        if found_other is None:
            return None
        to, excepted, rest = "heading", "", found_other["rest"]
    else:
        to, excepted, rest = found["to"], found["except"] or "", found["rest"]
    fields: dict[str, Any] = {"to": to, "except": codes_in(excepted)}
    rest = rest.strip(" ,.")
    same = _SAME_ALLOWED.search(rest)
    if same and same[0] == rest:
        return Change(**fields, allow_share=float(same[1]) / 100)
    base = Change(**fields)
    if not rest:
        return base
    value = _VALUE.search(rest)
    if value and re.sub(r"^(?:and )?in which ", "", rest) == value[0]:
        return AllOf(rules=(base, _most(value[1])))
    barred = re.fullmatch(r"However, (?P<what>.*) may not be used", rest)
    if barred:
        return _partly_barred(base, codes_in(barred["what"]), f"no {barred['what']} are used")
    only_if = re.fullmatch(r"However, materials of (?P<what>.*) may be used only if (?P<when>.*)", rest)
    if only_if:
        return _partly_barred(base, codes_in(only_if["what"]), only_if["when"])
    allowed = re.fullmatch(r"However, (?P<what>.*) may be used", rest)
    if allowed:
        what = allowed["what"]
        fact = _fact(f"the only materials of the product's own heading are {what}", f"own.{_slug(what)}")
        return AnyOf(rules=(base, AllOf(rules=(Change(to="any", **{"except": base.except_}), fact))))
    return _with_conditions(base, rest, words)


def _by_any(words: str) -> Rule | None:
    found = _ANY.fullmatch(words)
    if found is None or re.search(r"except (?:from|drawn)", words):
        return None
    base = Change(to="any", **{"except": codes_in(found["except"] or "")})
    rest = (found["rest"] or "").strip(" ,.")
    return _with_conditions(base, rest, words) if rest else base


def _with_conditions(base: Change, rest: str, words: str) -> Rule:
    """A change with conditions on weight, or on what is wholly obtained, after it; all must be understood."""
    conditions = _conditions(rest)
    return NotUnderstood(text=words) if conditions is None else AllOf(rules=(base, *conditions))


def _conditions(rest: str) -> tuple[Rule, ...] | None:
    """The conditions of a text, or None if anything but joining words is left over."""
    conditions: list[Rule] = []
    left = rest
    for found in _OBTAINED.finditer(rest):
        conditions.append(WhollyObtained(materials=codes_in(found["codes"])))
        left = left.replace(found[0], "")
    for found in _WEIGHT.finditer(_OBTAINED.sub("", rest)):
        materials = codes_in(found["what"]) + (SUGAR if "sugar" in found["what"] else ())
        of = "materials" if found["of"].startswith("total") else "product"
        conditions.append(
            Weight(materials=materials, at_most=float(found[3]) / 100, each=bool(found["each"]), of=of)
        )
        left = left.replace(found[0], "")
    left = re.sub(r"\bof the weight of the final products?\b|\bmaterials of chapter \d+ used\b", "", left)
    left = re.sub(r"\b(?:in which|and|the)\b|[:,.\s]", "", left)
    return tuple(conditions) if conditions and not left else None


def _by_value(words: str) -> Rule | None:
    some = _SOME_VALUE.fullmatch(words) or _SET_VALUE.fullmatch(words)
    if some is not None:
        limit = float(some["share"]) / 100
        return Value(method="max-non-originating", at_most=limit, materials=codes_in(some["codes"]))
    found = re.fullmatch(rf"Manufacture in which {_VALUE.pattern}\.?", words)
    return None if found is None else _most(found[1])


def _by_set(words: str) -> Rule | None:
    found = _SET.match(words)
    if found is None:
        return None
    return AnyOf(rules=(_most(found[1]), _fact("each item in the set satisfies its own rule")))


def _by_only(words: str) -> Rule | None:
    found = _ONLY.fullmatch(words)
    return None if found is None else Change(to="any", only=codes_in(found["codes"]))


def _by_obtained(words: str) -> Rule | None:
    # "All the animals of chapter 1 are wholly obtained": the product itself.
    if re.fullmatch(r"All (?!unmanufactured)[^.]* (?:are|is) wholly obtained\.", words):
        return WhollyObtained()
    found = re.fullmatch(r"Manufacture in which:? (?P<rest>.*)", words)
    if found is None or "materials" not in found["rest"]:
        return None
    conditions = _conditions(found["rest"])
    if conditions is None:
        return None
    return conditions[0] if len(conditions) == 1 else AllOf(rules=conditions)


def _by_uppers(words: str) -> Rule | None:
    if not words.startswith("Manufacture from materials of any heading, except from assemblies of uppers"):
        return None
    # 6406.10 holds uppers, with or without an inner sole: the code alone doesn't tell an assembly.
    return _partly_barred(
        Change(to="any"),
        ("640610",),
        "no assembly of uppers affixed to inner soles or other sole components is used",
        "no-assembled-uppers",
    )


def _partly_barred(base: Change, codes: tuple[str, ...], text: str, fact: str = "") -> Rule:
    """Barred where a fact doesn't hold: without materials of these codes the fact need not be known."""
    strict = base.model_copy(update={"except_": (*base.except_, *codes)})
    return AnyOf(rules=(strict, AllOf(rules=(base, _fact(text, fact)))))


def _most(share: str) -> Value:
    return Value(method="max-non-originating", of="ex-works", at_most=float(share) / 100)


def _fact(text: str, name: str = "") -> Process:
    return Process(fact=name or f"process.{_slug(text)}", text=text.rstrip("."))


def _slug(text: str) -> str:
    words = re.sub(r"[^a-z0-9]+", "-", text.lower()).strip("-")
    return words if len(words) <= 48 else words[:48].rpartition("-")[0]


def _range(first: str, last: str) -> str:
    """Ten-digit bounds as the shortest code or range: 8528000000 to 8528999999 is 8528."""
    for digits in (2, 4, 6, 8):
        if set(first[digits:]) <= {"0"} and set(last[digits:]) <= {"9"}:
            low, high = first[:digits], last[:digits]
            return low if low == high else f"{low}-{high}"
    return first if first == last else f"{first}-{last}"
