"""Numbers as people read them: no more digits than are known, a true minus sign, units."""

from __future__ import annotations

import math

MINUS = "\N{MINUS SIGN}"
LEAST_PERCENT = 0.005
LEAST_DIGITS = 0.1
"""Percent below which there are two decimals and no more."""
UNDEFINED = "not defined"


def significant(value: float, digits: int = 2) -> str:
    """A number rounded to some significant digits, without exponent: 3.4849 is 3.5, 124.57 is 120."""
    if value == 0 or not math.isfinite(value):
        return "0" if value == 0 else UNDEFINED
    places = digits - 1 - math.floor(math.log10(abs(value)))
    rounded = round(value, places)
    if rounded:  # rounding may have added a digit: 0.996 is 1.0
        places = digits - 1 - math.floor(math.log10(abs(rounded)))
    return f"{abs(rounded):,.{max(places, 0)}f}" if rounded else "0"


def percent(value: float | None, *, signed: bool = True) -> str:
    """A change in percent: `−3.5 %`; below 0.005 it is `0 %`, unknown is said."""
    if value is None or not math.isfinite(value):
        return UNDEFINED
    if abs(value) < LEAST_PERCENT:
        return "0\N{NO-BREAK SPACE}%"
    text = significant(value) if abs(value) >= LEAST_DIGITS else f"{abs(value):.2f}"
    return f"{_sign(value, signed)}{text}\N{NO-BREAK SPACE}%"


def rate(value: float | None) -> str:
    """A rate of duty (a fraction) in percent with one decimal: these are law on records, not estimates."""
    if value is None or not math.isfinite(value):
        return UNDEFINED
    return f"{_sign(value, signed=False)}{abs(100 * value):.1f}\N{NO-BREAK SPACE}%"


def points(change: float) -> str:
    """A change of a rate (a fraction) in percentage points with one decimal: `+13.9 points`."""
    shown = abs(round(100 * change, 1))
    return f"{_sign(change, signed=True) if shown else ''}{shown:.1f}\N{NO-BREAK SPACE}points"


def dollars(value: float | None, *, signed: bool = True) -> str:
    """USD in billions or millions with two significant digits."""
    if value is None or not math.isfinite(value):
        return UNDEFINED
    for size, word in ((1e9, "bn"), (1e6, "m")):
        if abs(value) >= size or size == 1e6:
            if abs(value) < 0.5e6:
                return "0"
            return f"{_sign(value, signed)}{significant(value / size)}\N{NO-BREAK SPACE}{word}\N{NO-BREAK SPACE}USD"
    raise AssertionError


def with_range(value: float | None, low: float | None, high: float | None, unit: str) -> str:
    """A value with its range: `−3.5 % (−4.0 to −1.6)`."""
    say = dollars if unit == "USD" else percent
    if value is None or low is None or high is None or say(low) == say(high):
        return say(value)
    return f"{say(value)} ({ends(low, high, unit)})"


def ends(low: float, high: float, unit: str) -> str:
    """The ends of a range, without the unit: `−4.0 to −1.6`."""
    say = dollars if unit == "USD" else percent
    return " to ".join(_bare(say(end)) for end in (low, high))


def _bare(text: str) -> str:
    return text.removesuffix("\N{NO-BREAK SPACE}%").removesuffix("\N{NO-BREAK SPACE}USD")


def _sign(value: float, signed: bool) -> str:
    return MINUS if value < 0 else "+" if signed else ""
