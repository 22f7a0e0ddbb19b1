"""The country of origin by 19 CFR Part 102, as the package `originshift` holds it as data.

Part 102 decides the origin of textile and apparel goods of any country for the purposes of the customs laws
(102.21) and the marking of goods of Canada and Mexico (102.20). For other goods of other countries the test
of substantial transformation is case law; the answer says so.

Facts of the bill that these rules ask for:

| fact | meaning |
|---|---|
| `102.operation` | an operation of 102.17 that confers nothing: simple_packing, dismantling, … |
| `102.set` | the product is classified as a set |
| `102.excepted-fibre` | of cotton, of wool, or a blend of 16 % or more cotton by weight |
| `102.component-parts` | it consists of two or more component parts |
| `102.fabric-made-in`, `102.knit-in`, `102.assembled-in`, `102.dyed-and-printed-in` | economies |
| `102.knit-to-shape`, `102.knit-to-shape-in`, `102.most-important-process-in`, `102.last-important-process-in` | |
| `102.c2-does-not-determine` | it has been found that 102.21(c)(2) gives no origin |
| `102.finishing` | finishing operations besides dyeing and printing, by comma |
| `102.when.WORDS` | whether a condition of a rule, quoted in part, holds |
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Literal

from entrepot import economies
from entrepot.errors import BillError, UnknownCode
from entrepot.origin.findings import Decided, Finding, Material

if TYPE_CHECKING:
    from entrepot.origin.judge import Goods

CASE_LAW = (
    "19 CFR 102.20 decides the marking of goods of Canada and Mexico; for other duties on goods other than "
    "textiles the test is substantial transformation in case law: ask for a ruling (19 CFR 102.0)"
)

_ROLES: dict[str, Literal["retail_packaging", "accessory"]] = {
    "retail-packaging": "retail_packaging",
    "accessory": "accessory",
}

_PLACES = {
    "fabric-made-in": ("process_in", "fabric-making process"),
    "knit-in": ("process_in", "knit"),
    "assembled-in": ("process_in", "wholly assembled"),
}
_FIELDS = {
    "assembled-in": "wholly_assembled_in",
    "knit-to-shape-in": "knit_to_shape_in",
    "dyed-and-printed-in": "dyed_and_printed_in",
    "most-important-process-in": "most_important_process_in",
    "last-important-process-in": "last_important_process_in",
}
_CONDITIONS = {"component-parts": "two or more component parts", "knit-to-shape": "knit to shape"}
_OTHER = {"operation", "set", "excepted-fibre", "c2-does-not-determine", "finishing"}

Facts = Mapping[str, bool | float | str]


def by_part_102(goods: Goods) -> Finding:
    """The country of origin of goods: met if it is where they were made.

    Raises BillError for a fact of Part 102 that doesn't exist or names no economy.
    """
    # Imported here: the rules take a tenth of a second to read, and few commands ask for them.
    from originshift import resolve  # noqa: PLC0415
    from originshift.corpus import covered_by_102_21  # noqa: PLC0415
    from originshift.textile import TextileFacts  # noqa: PLC0415

    facts = {name[4:]: value for name, value in goods.facts.items() if name.startswith("102.")}
    textile = covered_by_102_21(goods.product)
    nameless = [m.path for m in goods.materials if len(m.product) < 4]
    if nameless and not textile:
        asked = tuple(f"product code of {path}" for path in nameless)
        return _finding(None, "a material without a code can't be tested", missing=asked)
    options: dict[str, Any] = {
        "good_value": float(goods.price("transaction")),
        "wholly_obtained": goods.wholly_obtained is True,
        "is_set": facts.get("set") is True,
        "operation": facts.get("operation"),
        "qualifiers": _conditions(facts),
    }
    if textile:
        del options["good_value"], options["is_set"], options["qualifiers"]
        options["good_weight"] = None if goods.weight_kg is None else float(goods.weight_kg)
        options["textile"] = TextileFacts(**_textile(facts))
    result = resolve(
        good=_dotted(goods.product),
        inputs=[_input(material, goods.made_in) for material in goods.materials],
        country=goods.made_in,
        **options,
    )
    notes = [*result.caveats] + ([] if textile else [CASE_LAW])
    rule = f"{result.rule_id}: {result.rule_text}" if result.rule_id else "19 CFR 102"
    parts = _decided(result.trace, goods)
    if result.status == "resolved":
        why = _words(result.basis, result.reason)
        return _finding(
            result.origin == goods.made_in, f"{why}; {rule}", origin=result.origin, parts=parts, notes=notes
        )
    return _finding(None, rule, missing=(str(result.needed),), parts=parts, notes=notes)


def _finding(met: bool | None, arithmetic: str, **fields: Any) -> Finding:
    fields["notes"] = tuple(fields.get("notes", ()))
    return Finding("country of origin by 19 CFR 102", "last-transformation", met, arithmetic, **fields)


def _words(basis: str | None, reason: str | None) -> str:
    return f"{(basis or 'rule met').replace('_', ' ')}{f' ({reason})' if reason else ''}"


def _input(material: Material, made_in: str) -> Any:
    from originshift.resolve import Material as Input  # noqa: PLC0415

    known = material.origin if economies.is_economy(material.origin) else None
    return Input(
        _dotted(material.product) if material.product else "0000",
        country=made_in if material.originating else known,
        value=float(material.value_usd),
        weight=None if material.weight_kg is None else float(material.weight_kg),
        role=_ROLES.get(material.role),
    )


def _decided(trace: Any, goods: Goods) -> tuple[Decided, ...]:
    """The materials under the rule that was met, or the first that was tried, with what was found of each."""
    if not trace:
        return ()
    tried = next((one for one in trace if one.satisfied), trace[0])
    found = {check.material: check.detail for check in tried.checks}
    return tuple(
        Decided(m.path, m.product, m.value_usd, found[_dotted(m.product)])
        for m in goods.materials
        if m.originating is not True and _dotted(m.product) in found
    )


def _textile(facts: Facts) -> dict[str, Any]:
    fields: dict[str, Any] = {"process_in": {}, "conditions": _conditions(facts)}
    for name, value in facts.items():
        if name in _PLACES:
            fields["process_in"][_PLACES[name][1]] = _place(name, value)
        if name in _FIELDS:
            fields[_FIELDS[name]] = _place(name, value)
    if "excepted-fibre" in facts:
        fields["excepted_fibre"] = facts["excepted-fibre"] is True
    fields["c2_does_not_determine"] = facts.get("c2-does-not-determine") is True
    fields["finishing_operations"] = tuple(
        w.strip() for w in str(facts.get("finishing", "")).split(",") if w.strip()
    )
    return fields


def _conditions(facts: Facts) -> dict[str, bool]:
    known = {*_PLACES, *_FIELDS, *_CONDITIONS, *_OTHER}
    held = {}
    for name, value in facts.items():
        if name.startswith("when."):
            held[name[5:]] = value is True
        elif name in _CONDITIONS:
            held[_CONDITIONS[name]] = value is True
        elif name not in known:
            raise BillError(
                f"fact 102.{name}: there is none; there are {', '.join(sorted(known))} and when.WORDS"
            )
    return held


def _place(name: str, value: bool | float | str) -> str:
    try:
        return economies.find(str(value))
    except UnknownCode as error:
        raise BillError(f"fact 102.{name}: {error}") from None


def _dotted(code: str) -> str:
    """8528520000 as 8528.52.0000: what a heading and its parts are told by."""
    if len(code) <= 4:
        return code
    return ".".join(part for part in (code[:4], code[4:6], code[6:]) if part)
