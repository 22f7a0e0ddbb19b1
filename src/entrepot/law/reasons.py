"""Why a measure did or did not apply to one case, in words."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

import numpy as np

from entrepot.law.cases import Cases, Reach, holds
from entrepot.law.combine import Amounts, Hit
from entrepot.law.measure import Measure, lies_in


@dataclass(frozen=True)
class Reason:
    """Whether a measure applied, and the reason in a sentence."""

    applied: bool
    text: str
    out_of_scope: bool = False


def why(
    measure: Measure,
    case: int,
    cases: Cases,
    reach: Reach,
    hits: Sequence[Hit],
    amounts: Amounts,
    on: date,
    as_known: date | None,
) -> Reason:
    """The first thing that kept the measure from the case or, if nothing did, how it was charged."""
    outside = _outside(measure, case, cases, reach, on)
    status = measure.status_on(on, as_known)
    if status != "in force":
        return Reason(applied=False, text=_status(measure, status, as_known), out_of_scope=bool(outside))
    if outside:
        return Reason(applied=False, text=outside, out_of_scope=True)
    at = np.array([case])
    for condition in measure.when:
        if not holds(condition, cases.facts, at)[0]:
            return Reason(applied=False, text=f"holds only where {condition}")
    slot = next(i for i, hit in enumerate(hits) if hit.measure is measure)
    part = _at(hits[slot], amounts.reach[slot], case)
    if part == 0:
        others = _hitting(hits, amounts, case, measure.unless)
        if measure.portion is not None and _at(hits[slot], hits[slot].portion, case) == 0:
            none = "all" if measure.portion.rest else "none"
            return Reason(
                applied=False, text=f"hits no part of the value: {none} of it is {measure.portion.fact}"
            )
        return Reason(applied=False, text=f"does not apply where {_names(others)} applies")
    charged = float(amounts.by_slot[slot, case])
    gross = charged if measure.rate.is_limit else part * _at(hits[slot], hits[slot].rate, case)
    by = _replacing(measure, hits, amounts, case)
    if by and charged == 0:
        return Reason(applied=False, text=f"replaced by {by}")
    if by and charged != gross:
        return Reason(True, f"{measure.rate} on {part:.4g} of the value, partly replaced by {by}")
    return Reason(applied=True, text=_how(measure, part, charged))


def _outside(measure: Measure, case: int, cases: Cases, reach: Reach, on: date) -> str:
    origin = cases.origins[cases.origin[case]]
    if np.isnan(reach.origin_rates(measure, on)[cases.origin[case]]):
        return f"{origin} is outside its origins ({_shown(measure.origins.include, measure.origins.exclude)})"
    product = int(cases.product[case])
    if not reach.product_mask(measure)[product]:
        code = cases.products.codes[product]
        return (
            f"{code} is outside its products ({_shown(measure.products.include, measure.products.exclude)})"
        )
    return ""


def _status(measure: Measure, status: str, as_known: date | None) -> str:
    if status == "ended":
        printed = "; the heading is still printed" if measure.printed else ""
        return f"ended: {measure.until_as_known(as_known)} was the first day without it{printed}"
    if status == "announced":
        return (
            "announced, never in force" if measure.status == "announced" else f"in force from {measure.from_}"
        )
    by = "; ".join(pause.reference for pause in measure.suspended)
    return f"suspended on that day{f' ({by})' if by else ''}"


def _how(measure: Measure, part: float, charged: float) -> str:
    portion = "" if part == 1 else f" on {part * 100:.4g} % of the value"
    if measure.rate.by_origin is not None:
        return f"{charged / part * 100:.10g} %{portion}"
    if np.isnan(charged):
        if measure.rate.is_limit:
            return f"{measure.rate}, which turns on what isn't known"
        return f"applies, but {measure.rate.fact or f'quantity.{measure.rate.unit}'} is unknown{portion}"
    if measure.rate.fact is not None:
        return f"{measure.rate.fact} {charged * 100:.10g} %{portion}"
    return f"{measure.rate}{portion}"


def _at(hit: Hit, values: object, case: int) -> float:
    array = np.asarray(values, dtype=float)
    return float(array) if array.ndim == 0 else float(array[np.searchsorted(hit.cases, case)])


def _hitting(hits: Sequence[Hit], amounts: Amounts, case: int, families: Sequence[str]) -> list[str]:
    return [
        hit.measure.id
        for hit, reach in zip(hits, amounts.reach, strict=True)
        if lies_in(hit.measure.family, tuple(families)) and case in hit.cases and _at(hit, reach, case) > 0
    ]


def _replacing(measure: Measure, hits: Sequence[Hit], amounts: Amounts, case: int) -> str:
    """The id of the measure that had the last word over this one; empty if none had."""
    over = [
        hit.measure
        for hit, reach in zip(hits, amounts.reach, strict=True)
        if hit.measure is not measure
        and lies_in(measure.family, hit.measure.sets)
        and hit.measure.order >= measure.order
        and case in hit.cases
        and _at(hit, reach, case) > 0
    ]
    return max(over, key=lambda m: m.order).id if over else ""


def _names(ids: Sequence[str]) -> str:
    return ", ".join(ids)


def _shown(include: Sequence[str], exclude: Sequence[str]) -> str:
    def words(names: Sequence[str]) -> str:
        return ", ".join(names[:4]) + (f" and {len(names) - 4} more" if len(names) > 4 else "")

    return words(include) + (f" without {words(exclude)}" if exclude else "")
