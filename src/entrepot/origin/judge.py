"""One rule on one product: met, not met, or open for want of a fact.

Comparisons are exact: shares of decimal amounts against decimal limits. Where the status of a material isn't
known the sum has a least and a greatest value, and the rule is decided if both give the same.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal

from entrepot.origin.bill import ZERO, shown
from entrepot.origin.codes import position, within
from entrepot.origin.content import Content
from entrepot.origin.findings import Decided, Finding, Material, joined, once
from entrepot.origin.rules import (
    LEVELS,
    PRICES,
    AllOf,
    AnyOf,
    Cap,
    Change,
    LastTransformation,
    NotUnderstood,
    Process,
    Rule,
    Tolerance,
    Value,
    Weight,
    WhollyObtained,
    percent,
)


@dataclass(frozen=True)
class Goods:
    """A product as a rule sees it.

    materials: what it is made of, parts made by the producer counted as what they are made of unless they
    originate; added_usd: what the producer adds (labour, overhead, profit, other); price: by name, USD;
    content: through all tiers (False) or directly (True).
    """

    path: str
    product: str
    made_in: str
    materials: tuple[Material, ...]
    added_usd: Decimal
    price: Callable[[str], Decimal]
    content: Callable[[bool], Content]
    facts: Mapping[str, bool | float | str]
    weight_kg: Decimal | None = None
    wholly_obtained: bool | None = None
    in_zone: bool = True


CLASSIFIED_WITH = frozenset({"retail-packaging", "accessory"})
"""Roles that a change of classification doesn't look at: they are classified with the product."""

Outside = Callable[[Goods], Finding]
"""Judges a rule that another package holds."""


def judge(
    rule: Rule, goods: Goods, tolerance: Tolerance | None = None, outside: Outside | None = None
) -> Finding:
    """Judge one rule, or a combination of them, on goods.

    `outside` judges the last substantial transformation; without it that rule stays open.
    """
    match rule:
        case AnyOf() | AllOf():
            inner = tuple(judge(r, goods, tolerance, outside) for r in rule.rules)
            return joined(str(rule), rule.kind, inner)
        case WhollyObtained():
            return _wholly_obtained(rule, goods)
        case Change():
            return _change(rule, goods, tolerance)
        case Value():
            return _value(rule, goods)
        case Cap():
            return _cap(rule, goods)
        case Weight():
            return _weight(rule, goods)
        case Process():
            return _process(rule, goods)
        case NotUnderstood():
            text = f"a reading of the rule: {rule.text}"
            return Finding(str(rule), rule.kind, None, "the text has no structure here", missing=(text,))
        case LastTransformation():
            if outside is None:
                return Finding(str(rule), rule.kind, None, missing=("a reader of 19 CFR 102",))
            return outside(goods)


def _wholly_obtained(rule: WhollyObtained, goods: Goods) -> Finding:
    if rule.materials == ("*",) and goods.wholly_obtained is not None:
        why = "the bill says so" if goods.wholly_obtained else "the bill says it is not"
        part = Decided(goods.path, goods.product, goods.price("ex-works"), why)
        return Finding(str(rule), rule.kind, goods.wholly_obtained, why, parts=(part,))
    if rule.materials == ("*",) and not goods.materials:
        return _open(rule, [f"whether {goods.path} is wholly obtained"])
    against: list[Decided] = []
    missing: list[str] = []
    for material in goods.materials:
        concerned = within(material.product, rule.materials)
        if concerned is False:
            continue
        if material.originating is False:
            if concerned is None:
                missing.append(_code(material))
            else:
                against.append(_because(material, f"not wholly obtained: {material.why}"))
        elif material.wholly_obtained is False and concerned:
            against.append(_because(material, "not wholly obtained, says the bill"))
        elif material.wholly_obtained is None or material.originating is None or concerned is None:
            missing.append(f"whether {material.path} is wholly obtained")
    if against:
        return Finding(
            str(rule),
            rule.kind,
            False,
            f"{len(against)} of {len(goods.materials)} materials are not",
            parts=tuple(against),
        )
    if missing:
        return _open(rule, missing)
    return Finding(str(rule), rule.kind, True, "no material of these is of another origin")


def _change(rule: Change, goods: Goods, tolerance: Tolerance | None) -> Finding:
    against: list[tuple[Material, str]] = []
    perhaps: list[tuple[Material, str]] = []
    for material in goods.materials:
        if material.originating is True or material.role in CLASSIFIED_WITH:
            continue
        stopped, why = barred(rule, goods.product, material)
        if stopped is False:
            continue
        if stopped and material.originating is False:
            against.append((material, why))
        else:
            unknown = _code(material) if stopped is None else _origin(material)
            perhaps.append((material, unknown))
    named = tuple(_because(m, why) for m, why in against)
    if not against and not perhaps:
        foreign = sum(m.originating is False for m in goods.materials)
        word = (
            f"non-originating materials: {foreign}, each changes"
            if foreign
            else "no non-originating material"
        )
        return Finding(str(rule), rule.kind, True, word)
    least = sum((m.value_usd for m, _ in against), ZERO)
    most = least + sum((m.value_usd for m, _ in perhaps), ZERO)
    missing = once(name for _, name in perhaps)
    if tolerance is not None and tolerance.by == "weight":
        return _by_weight(rule, goods, tolerance, [m for m, _ in against], [m for m, _ in perhaps], named)
    share, basis, what = _allowance(rule, tolerance)
    if share is None:
        if against:
            return Finding(str(rule), rule.kind, False, f"{len(against)} do not change", parts=named)
        return _open(rule, missing)
    price = goods.price(basis)
    limit = Decimal(str(share)) * price
    number = float(least / price) if price else None
    words = (
        f"those that do not change: {shown(least)} / {shown(price)} USD = {_pct(least, price, share)}, "
        f"{what} {percent(share)} of the {PRICES[basis]}"
    )
    met = _below(least, most, limit)
    return Finding(str(rule), rule.kind, met, words, number, share, named, missing if met is None else ())


def _allowance(rule: Change, tolerance: Tolerance | None) -> tuple[float | None, str, str]:
    """How much may stay unchanged: the rule's own allowance, else the tolerance of the set."""
    if rule.allow_share is not None:
        # A limit that the rule itself sets is not raised by the general tolerance.
        return rule.allow_share, rule.allow_of, "allowed up to"
    if tolerance is not None:
        return (
            tolerance.share,
            tolerance.by,
            f"tolerance ({tolerance.reference})" if tolerance.reference else "tolerance",
        )
    return None, "ex-works", ""


def barred(rule: Change, product: str, material: Material) -> tuple[bool | None, str]:
    """Whether the rule keeps a non-originating material out, and why."""
    if rule.only:
        inside = within(material.product, rule.only)
        return (None if inside is None else not inside), "not one of the materials the rule names"
    if rule.allow and within(material.product, rule.allow):
        return False, "allowed by name"
    excepted = within(material.product, rule.except_) if rule.except_ else False
    if excepted:
        return True, "excepted by the rule"
    if rule.to == "any":
        return excepted, ""
    digits = LEVELS[rule.to]
    own, other = position(product, digits), position(material.product, digits)
    if own is None or other is None:
        # A code that is too short still changes if what there is of it differs.
        short = min(len(product), len(material.product))
        if short and product[:short] != material.product[:short]:
            return excepted, ""
        return None, ""
    if own == other:
        return True, f"same {rule.to} {own} as the product"
    return excepted, ""


def _by_weight(
    rule: Change,
    goods: Goods,
    tolerance: Tolerance,
    against: Sequence[Material],
    perhaps: Sequence[Material],
    named: tuple[Decided, ...],
) -> Finding:
    unweighed = [f"weight of {m.path}" for m in (*against, *perhaps) if m.weight_kg is None]
    if goods.weight_kg is None:
        unweighed.insert(0, f"weight of {goods.path}")
    if unweighed or goods.weight_kg is None:
        return Finding(
            str(rule), rule.kind, None, "tolerance by weight", parts=named, missing=once(unweighed)
        )
    least = sum((m.weight_kg or ZERO for m in against), ZERO)
    most = least + sum((m.weight_kg or ZERO for m in perhaps), ZERO)
    limit = Decimal(str(tolerance.share)) * goods.weight_kg
    words = (
        f"those that do not change weigh {least} / {goods.weight_kg} kg = {_pct(least, goods.weight_kg)}, "
        f"tolerance {percent(tolerance.share)} of the weight"
    )
    met = _below(least, most, limit)
    missing = () if met is not None else once(_origin(m) for m in perhaps)
    number = float(least / goods.weight_kg) if goods.weight_kg else None
    return Finding(str(rule), rule.kind, met, words, number, tolerance.share, named, missing)


def _value(rule: Value, goods: Goods) -> Finding:
    price = goods.price(rule.of)
    if price <= 0:
        return _open(rule, [f"the {PRICES[rule.of]} of {goods.path}"])
    inside = {m.path: within(m.product, rule.materials) for m in goods.materials}
    counted = [m for m in goods.materials if inside[m.path] is not False]
    foreign = [m for m in counted if m.originating is False and inside[m.path]]
    perhaps = [m for m in counted if m.originating is not True and m not in foreign]
    missing = once([_origin(m) if m.originating is None else _code(m) for m in perhaps])
    named = tuple(_because(m, m.why) for m in _largest(foreign))
    sure, most = _total(foreign), _total(foreign) + _total(perhaps)
    at = f"{PRICES[rule.of]} {shown(price)}"
    if rule.at_most is not None:
        number, limit = sure, rule.at_most
        met = _below(sure, most, Decimal(str(limit)) * price)
        words = f"non-originating {shown(sure)} / {at} USD = {_pct(number, price, limit)}, at most {percent(limit)}"
    else:
        assert rule.at_least is not None
        limit = rule.at_least
        if rule.method == "build-down":
            least, number = price - most, price - sure
            sums = f"({at} - non-originating {shown(sure)}) / {shown(price)} USD"
        else:
            added = goods.added_usd if rule.method == "direct" else ZERO
            least = number = _total(m for m in counted if m.originating is True) + added
            sums = f"originating materials {shown(number - added)}"
            if rule.method == "direct":
                sums = f"({sums} + labour, overhead, profit and other {shown(added)})"
            sums += f" / {at} USD"
        greatest = number if rule.method == "build-down" else least + _total(perhaps)
        met = _below(-greatest, -least, -Decimal(str(limit)) * price)
        words = f"{sums} = {_pct(number, price, limit)}, at least {percent(limit)}"
    return Finding(
        str(rule),
        rule.kind,
        met,
        words,
        float(number / price),
        limit,
        named,
        missing if met is None else (),
    )


def _below(least: Decimal, most: Decimal, limit: Decimal) -> bool | None:
    """Whether something between `least` and `most` is at most `limit`; None if it may or may not be."""
    return True if most <= limit else False if least > limit else None


def _cap(rule: Cap, goods: Goods) -> Finding:
    found = goods.content(rule.tiers == "direct")
    share = found.share(rule.economy)
    words = (
        f"content of {rule.economy} {share} of {shown(found.total_usd)} USD, at most {percent(rule.at_most)}"
    )
    if found.source:
        words += f" (partly estimated: {found.source})"
    met = True if share.high <= rule.at_most + 1e-12 else False if share.low > rule.at_most + 1e-12 else None
    pieces = sorted(found.pieces, key=lambda p: -float(p.value_usd) * p.high.get(rule.economy, 0.0))
    parts = tuple(
        Decided(
            p.path, "", p.value_usd, f"{p.low.get(rule.economy, 0.0) * 100:.4g} % {rule.economy} ({p.basis})"
        )
        for p in pieces
        if p.high.get(rule.economy, 0.0) > 0
    )[:5]
    open_pieces = [
        p
        for p in found.pieces
        if p.high.get(rule.economy, p.high.get("*", 0.0)) != p.low.get(rule.economy, 0.0)
    ]
    missing = once(f"content of {p.path}" for p in open_pieces) if met is None else ()
    return Finding(str(rule), rule.kind, met, words, share.low, rule.at_most, parts, missing)


def _weight(rule: Weight, goods: Goods) -> Finding:
    counted = [
        m
        for m in goods.materials
        if m.originating is not True and within(m.product, rule.materials) is not False
    ]
    if not counted:
        return Finding(str(rule), rule.kind, True, "no such non-originating material")
    missing = [f"weight of {m.path}" for m in counted if m.weight_kg is None]
    whole = goods.weight_kg
    if rule.of == "materials":
        weights = [m.weight_kg for m in goods.materials if within(m.product, rule.materials) is not False]
        whole = None if None in weights else sum((w for w in weights if w is not None), ZERO)
    if whole is None:
        missing.insert(0, f"weight of {goods.path if rule.of == 'product' else 'all such materials'}")
    if missing or whole is None or whole <= 0:
        return _open(rule, missing or [f"weight of {goods.path}"])
    weights_ = [m.weight_kg or ZERO for m in counted]
    compared = max(weights_) if rule.each else sum(weights_, ZERO)
    limit = Decimal(str(rule.at_most)) * whole
    words = f"{compared} / {whole} kg = {_pct(compared, whole)}, at most {percent(rule.at_most)}"
    if compared <= limit:
        return Finding(str(rule), rule.kind, True, words, float(compared / whole), rule.at_most)
    unsure = [
        _origin(m) if m.originating is None else _code(m)
        for m in counted
        if m.originating is None or within(m.product, rule.materials) is None
    ]
    parts = tuple(_because(m, m.why) for m in counted)
    met = None if unsure else False
    return Finding(
        str(rule), rule.kind, met, words, float(compared / whole), rule.at_most, parts, once(unsure)
    )


def _process(rule: Process, goods: Goods) -> Finding:
    value = goods.facts.get(rule.fact)
    if value is None:
        return _open(rule, [f"{rule.fact} (is this done in {goods.made_in}: {rule.text})"])
    met = value is True or value == goods.made_in
    why = f"the bill says {rule.fact} = {str(value).lower() if isinstance(value, bool) else value}"
    return Finding(str(rule), rule.kind, met, why)


def _open(rule: object, missing: Iterable[str]) -> Finding:
    return Finding(str(rule), getattr(rule, "kind", ""), None, missing=once(missing))


def _because(material: Material, why: str) -> Decided:
    return Decided(material.path, material.product, material.value_usd, why)


def _largest(materials: Iterable[Material], n: int = 5) -> list[Material]:
    return sorted(materials, key=lambda m: (-m.value_usd, m.path))[:n]


def _total(materials: Iterable[Material]) -> Decimal:
    return sum((m.value_usd for m in materials), ZERO)


def _origin(material: Material) -> str:
    return f"origin of {material.path} ({material.why})"


def _code(material: Material) -> str:
    return f"product code of {material.path}" + (
        f" (more digits than {material.product})" if material.product else ""
    )


def _pct(part: Decimal, whole: Decimal, limit: float | None = None) -> str:
    """A share with two decimals, or with as many as tell it from the limit."""
    if not whole:
        return "0 %"
    share = part / whole * 100
    digits = 2
    if limit is not None:
        at = Decimal(str(limit)) * 100
        while digits < 10 and share != at and round(share, digits) == at:
            digits += 2
    return f"{share:.{digits}f} %"
